<#
.SYNOPSIS
Five minutes on a real Windows PC: does lab-sender do there what was seen under Wine, and what Wine cannot show?

.DESCRIPTION
In the folder to which the ZIP was unpacked:

    powershell -ExecutionPolicy Bypass -File on_windows.ps1
    powershell -ExecutionPolicy Bypass -File on_windows.ps1 -Share \\server\share\folder
    powershell -ExecutionPolicy Bypass -File on_windows.ps1 -Service        (as administrator)

It works in new folders (in %TEMP%, and in the share's folder), removes them, and changes nothing else; with -Service it
makes a service lab-sender-test and removes it. What it found stands in lab-sender-on-windows.txt in the current folder:
please send that back. Patients in it are made up; names of people, machines and folders are not in it.

.PARAMETER Share
A folder on a share that you may write to: results are dropped there too.

.PARAMETER Service
Also installs, kills, stops and removes a service. Wants an administrator's PowerShell.
#>
param(
    [string]$Share = '',
    [switch]$Service
)

Set-StrictMode -Version 2
$home_ = $PSScriptRoot
$python = Join-Path $home_ 'python\python.exe'
$program = Join-Path $home_ 'lab-sender.cmd'
$report = Join-Path (Get-Location).Path 'lab-sender-on-windows.txt'
$work = Join-Path ([IO.Path]::GetTempPath()) ('lab-sender ' + [char]0xFC + ' ' + [Guid]::NewGuid().ToString('N').Substring(0, 8))
$lines = New-Object System.Collections.ArrayList

function Tell([string]$word, [string]$what, [string]$found) {
    Say ('{0,-4} {1}: {2}' -f $word, $what, $found)
}

function Say([string]$line) {
    $line = $line.Replace($work, 'WORK').Replace($home_, 'PROGRAM')
    if ($Share) { $line = $line.Replace($Share, 'SHARE') }
    $line = $line -replace 'S-1-5-21-[\d-]+-(\d+)', 'S-1-5-21-...-$1'
    [void]$lines.Add($line)
    Write-Host $line
}

function Try-It([string]$what, [scriptblock]$block) {
    try { & $block } catch { Tell 'FAIL' $what $_.Exception.Message }
}

function Wait-Until([int]$seconds, [scriptblock]$true_) {
    $end = (Get-Date).AddSeconds($seconds)
    while ((Get-Date) -lt $end) {
        if (& $true_) { return $true }
        Start-Sleep -Milliseconds 200
    }
    return $false
}

function Test-Machine {
    $os = Get-CimInstance Win32_OperatingSystem
    Tell 'note' 'system' ('{0}, build {1}, PowerShell {2}' -f $os.Caption, $os.BuildNumber, $PSVersionTable.PSVersion)
    $key = Get-ItemProperty 'HKLM:\SYSTEM\CurrentControlSet\Control\FileSystem' -Name LongPathsEnabled -ErrorAction SilentlyContinue
    Tell 'note' 'LongPathsEnabled' $(if ($key) { $key.LongPathsEnabled } else { 'not set' })
    $defender = Get-Command Get-MpComputerStatus -ErrorAction SilentlyContinue
    Tell 'note' 'Defender looks at files' $(if ($defender) { (Get-MpComputerStatus).RealTimeProtectionEnabled } else { 'not known' })
    foreach ($name in 'python.exe', 'python313.dll') {
        $signature = Get-AuthenticodeSignature (Join-Path $home_ "python\$name")
        $by = if ($signature.SignerCertificate) { $signature.SignerCertificate.GetNameInfo('SimpleName', $false) } else { 'nobody' }
        $good = $signature.Status -eq 'Valid' -and $by -eq 'Python Software Foundation'
        Tell $(if ($good) { 'ok' } else { 'FAIL' }) "signature of $name" "$($signature.Status), by $by"
    }
    $zone = Get-Item $python -Stream Zone.Identifier -ErrorAction SilentlyContinue
    Tell 'note' 'marked as from the internet' $(if ($zone) { 'yes' } else { 'no' })
}

function Test-Demo {
    foreach ($turn in 'first', 'second') {
        $took = Measure-Command { & $program --version | Out-Null }
        Tell 'note' "$turn start" ('{0:N1} s' -f $took.TotalSeconds)
    }
    $folder = Join-Path $work 'demo'
    $told = & $program demo --folder $folder
    Tell $(if ($LASTEXITCODE -eq 0) { 'ok' } else { 'FAIL' }) 'demo' ('exit code {0}' -f $LASTEXITCODE)
    if ($LASTEXITCODE -ne 0) { $told | Select-Object -Last 12 | ForEach-Object { Say "     $_" } }
    $list = & $program --config (Join-Path $folder 'config.yaml') list --json | Out-String | ConvertFrom-Json
    Tell $(if (@($list.entries).Count -eq 13) { 'ok' } else { 'FAIL' }) 'ConvertFrom-Json' ('{0} of 13 entries' -f @($list.entries).Count)
}

function Test-Rights {
    foreach ($part in 'outbox', 'outbox\.lab-sender', 'outbox\quarantine', 'journal') {
        $folder = Join-Path $work "experiments\reason\$part"
        Tell 'note' "rights of $part" (Get-Acl -LiteralPath $folder).Sddl
    }
    $hidden = (Get-Item -LiteralPath (Join-Path $work 'experiments\reason\outbox\.lab-sender') -Force).Attributes
    Tell 'note' 'attributes of .lab-sender' $hidden
}

function Test-Service {
    $me = New-Object Security.Principal.WindowsPrincipal([Security.Principal.WindowsIdentity]::GetCurrent())
    if (-not $me.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
        Tell 'FAIL' 'service' 'not tried: this PowerShell is not an administrator''s'
        return
    }
    $name = 'lab-sender-test'
    $folder = Join-Path $env:ProgramData $name
    if (Test-Path $folder) { throw "$folder is there already" }
    [void](New-Item -ItemType Directory $folder)
    $config = Join-Path $folder 'config.yaml'
    @(
        'outbox: outbox', 'his: {host: 127.0.0.1, port: 25759, ack_timeout: 5s}', 'folders: {journal: journal}',
        'log: {file: agent.log}', 'web: {listen: off}'
    ) | Set-Content -Encoding ASCII $config
    $his = Start-Process $python -ArgumentList '-m', 'lab_sender', 'his', '--port', '25759' -WindowStyle Hidden -PassThru
    try {
        & $program --config $config service install --name $name | ForEach-Object { Say "     $($_.Replace($folder, 'FOLDER'))" }
        Tell $(if ($LASTEXITCODE -eq 0) { 'ok' } else { 'FAIL' }) 'service install' ('exit code {0}' -f $LASTEXITCODE)
        foreach ($turn in 'after the start', 'after a hard end') {
            $begun = Get-Date
            $file = Join-Path $folder "outbox\$($turn.Replace(' ', '-')).hl7"
            $id = 'S' + ($begun.Ticks % 10000000000)
            $segments = "MSH|^~\&|LAB||HIS||20261122101500||ORU^R01^ORU_R01|$id|P|2.5.1", 'PID|1||TEST||TEST^TEST',
                "OBR|1||$id|2345-7^Glucose^LN", 'OBX|1|NM|2345-7^Glucose^LN||5.4|mmol/L|||||F'
            [IO.File]::WriteAllText("$file.part", ($segments -join "`r") + "`r")
            Rename-Item -LiteralPath "$file.part" (Split-Path $file -Leaf)
            $sent, $leaf = (Join-Path $folder 'outbox\sent'), (Split-Path $file -Leaf)
            $gone = Wait-Until 120 {
                @(Get-ChildItem $sent -Recurse -Filter $leaf -ErrorAction SilentlyContinue).Count -eq 1
            }
            Tell $(if ($gone) { 'ok' } else { 'FAIL' }) "delivered $turn" ('{0:N0} s' -f ((Get-Date) - $begun).TotalSeconds)
            if ($turn -eq 'after the start') {
                $process = (Get-CimInstance Win32_Service -Filter "Name='$name'").ProcessId
                if ($process) { Stop-Process -Id $process -Force }
            }
        }
        Restart-Service $name
        Tell 'ok' 'Restart-Service' ((Get-Service $name).Status)
        foreach ($part in '', 'journal', 'outbox') { Tell 'note' "rights of the service's $part" (Get-Acl (Join-Path $folder $part)).Sddl }
        $seen = @(Get-WinEvent -FilterHashtable @{ LogName = 'Application'; ProviderName = $name } -MaxEvents 20 -ErrorAction SilentlyContinue)
        Tell 'note' 'Event Log' ('{0} entries' -f $seen.Count)
    }
    finally {
        & $program --config $config service uninstall --name $name | Out-Null
        Tell $(if ($LASTEXITCODE -eq 0) { 'ok' } else { 'FAIL' }) 'service uninstall' ('exit code {0}' -f $LASTEXITCODE)
        Stop-Process -Id $his.Id -Force -ErrorAction SilentlyContinue
        Remove-Item -LiteralPath $folder -Recurse -Force
    }
}

[void](New-Item -ItemType Directory $work)
try {
    Say ('lab-sender on Windows, {0:yyyy-MM-dd HH:mm}' -f (Get-Date))
    Try-It 'this machine' { Test-Machine }
    Try-It 'demo' { Test-Demo }
    $arguments = @((Join-Path $home_ 'on_windows.py'), (Join-Path $work 'experiments'))
    $there = if ($Share) { Join-Path $Share ('lab-sender-' + [Guid]::NewGuid().ToString('N').Substring(0, 8)) } else { '' }
    if ($there) { $arguments += $there }
    Try-It 'experiments' { & $python $arguments | ForEach-Object { Say $_ } }
    Try-It 'rights' { Test-Rights }
    if ($Service) { Try-It 'service' { Test-Service } }
    if ($there) { Remove-Item -LiteralPath $there -Recurse -Force -ErrorAction SilentlyContinue }
}
finally {
    Start-Sleep -Seconds 1
    & $env:ComSpec /c "rd /s /q ""\\?\$work""" 2>$null  # also names that Explorer cannot remove
}
$failed = @($lines | Where-Object { $_ -match '^FAIL' }).Count
Say ('{0} lines, {1} FAIL' -f $lines.Count, $failed)
$lines | Out-File -Encoding utf8 $report
Write-Host "`nPlease send back: $report"
if ($failed) { exit 1 }
