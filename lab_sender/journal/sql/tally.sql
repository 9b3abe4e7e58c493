-- Numbers that the journal keeps, for what history makes long to count.

-- name: add
INSERT INTO tally (destination, what, number) VALUES (:destination, :what, :number)
ON CONFLICT (destination, what) DO UPDATE SET number = tally.number + excluded.number;
