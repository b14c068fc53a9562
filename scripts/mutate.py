#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Breaks lines of include/l0, one at a time, and tells which of them no test notices.

    scripts/mutate.py --lines 200 --seed 1                  # draws 200 lines of the whole library
    scripts/mutate.py --lines 20 --seed 1 gates penalties   # of two rooms
    scripts/mutate.py --resume build/mutants/results.json   # goes on; survivors are tried on tests that are new or changed

A mutant is one change in one line: + for -, < for <=, == for !=, && for ||, a constant one larger, a condition negated,
a statement left out, two arguments swapped. All mutants are compiled at once, each behind a switch, into one program per
file of tests; a first run without a mutant tells which switches it reaches, and only these are thrown (`L0_MUTANT=k`), up
to the first failing test. So a mutant costs a run and not a build. The file that can notice most per second comes first, and
a file is not compiled when no living mutant stands in a header that it includes. A mutant that does not compile leaves.

Not touched: comments, texts, declarations, constant expressions, parameters of templates (a switch is thrown when the
program runs), and what cannot change a result: `reserve`, `shrink_to_fit`.

What was found is kept in results.json; a line per room and a table of the survivors come at the end. The exit status is 0.
"""
import argparse
import hashlib
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
BUILD = HOME / "build" / "mutants"
ROOT = BUILD / "source"  # a copy: people go on working in theirs

SWITCH = r"""// SPDX-License-Identifier: MIT
#pragma once
#include <atomic>
#include <concepts>
#include <cstdio>
#include <cstdlib>
#include <type_traits>
namespace l0_mutants {
inline const int active = std::getenv("L0_MUTANT") != nullptr ? std::atoi(std::getenv("L0_MUTANT")) : -1;
struct Reached {
  std::atomic<bool> at[4096] = {};
  ~Reached() {
    if (const char* path = std::getenv("L0_MUTANTS_REACHED")) {
      std::FILE* file = std::fopen(path, "w");
      for (int k = 0; k < 4096; ++k)
        if (at[k].load(std::memory_order_relaxed)) std::fprintf(file, "%d\n", k);
      std::fclose(file);
    }
  }
};
inline Reached reached;
inline bool thrown(int k) {
  if (active < 0) reached.at[k].store(true, std::memory_order_relaxed);
  return active == k;
}
constexpr bool on(int k) { return !std::is_constant_evaluated() && thrown(k); }
template <class T> constexpr T larger(int k, T value) { return on(k) ? static_cast<T>(value + 1) : value; }
// a OP Op<k>{} OP b binds as a OP b does.
#define L0_MUTANT_OPERATOR(Name, from, to)                                                          \
  template <int k> struct Name {};                                                                  \
  template <int k, class T> struct Name##Left { const T& value; };                                  \
  template <int k, class T> constexpr Name##Left<k, T> operator from(const T& a, Name<k>) { return {a}; } \
  template <int k, class T, class U>                                                                \
    requires std::same_as<decltype(std::declval<const T&>() from std::declval<const U&>()),         \
                          decltype(std::declval<const T&>() to std::declval<const U&>())>           \
  constexpr auto operator from(Name##Left<k, T> a, const U& b) { return on(k) ? a.value to b : a.value from b; }
L0_MUTANT_OPERATOR(Plus, +, -)
L0_MUTANT_OPERATOR(Minus, -, +)
L0_MUTANT_OPERATOR(Times, *, /)
L0_MUTANT_OPERATOR(Over, /, *)
L0_MUTANT_OPERATOR(Less, <, <=)
L0_MUTANT_OPERATOR(AtMost, <=, <)
L0_MUTANT_OPERATOR(More, >, >=)
L0_MUTANT_OPERATOR(AtLeast, >=, >)
L0_MUTANT_OPERATOR(Equal, ==, !=)
L0_MUTANT_OPERATOR(Unequal, !=, ==)
}  // namespace l0_mutants
"""

OPERATORS = {"+": ("Plus", "-"), "-": ("Minus", "+"), "*": ("Times", "/"), "/": ("Over", "*"), "<": ("Less", "<="),
             "<=": ("AtMost", "<"), ">": ("More", ">="), ">=": ("AtLeast", ">"), "==": ("Equal", "!="),
             "!=": ("Unequal", "==")}
UNTOUCHED = re.compile(r"^\s*(#|//|template\b|requires\b|using\b|static_assert|namespace\b|typedef|friend\b|case\b)"
                       r"|\bconstexpr\b|\bconcept\b|\brequires\b|\boperator\b|\bstatic const\b|\balignas\b|= default|= delete")


def code_of(line):
    """The line without its comment; with strings blanked out, so that columns stay."""
    line = re.sub(r'"(\\.|[^"\\])*"', lambda m: '"' + "_" * (len(m.group()) - 2) + '"', line)
    line = re.sub(r"'(\\.|[^'\\])+'", lambda m: "'" + "_" * (len(m.group()) - 2) + "'", line)
    return line.split("//")[0].rstrip()


def closing(text, start):
    """Where the parenthesis at `start` closes, or -1."""
    depth = 0
    for i in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if depth == 0:
            return i
    return -1


def split_top(text, token):
    """text at the first `token` outside of brackets, or None."""
    depth = 0
    for i, c in enumerate(text):
        depth += 1 if c in "([{" else -1 if c in ")]}" else 0
        if depth == 0 and text.startswith(token, i):
            return text[:i], text[i + len(token):]
    return None


def candidates(line, before, after):
    """The changes of a line: (what is said of them, the new line with K for the mutant's number)."""
    code = code_of(line)
    if not code.strip() or UNTOUCHED.search(code) or len(code) != len(line.split("//")[0].rstrip()):
        return []
    found = []
    for match in re.finditer(r" (\+|-|\*|/|<=|>=|==|!=|<|>) (?=\S)", code):
        name, other = OPERATORS[match.group(1)]
        op = match.group(1)
        found.append((f"{op} to {other}",
                      line[:match.start()] + f" {op} l0_mutants::{name}<K>{{}} {op} " + line[match.end():]))
    for match in re.finditer(r"(?<![\w.<\[-])(\d+\.?\d*(?:e-?\d+)?)(?![\w.>\]])", code):
        found.append((f"{match.group(1)} one larger",
                      line[:match.start()] + f"l0_mutants::larger(K, {match.group(1)})" + line[match.end():]))
    match = re.match(r"(\s*(?:\} else )?(?:if|while) )\(", code)
    if match:
        begin = match.end() - 1
        end = closing(code, begin)
        condition = line[begin + 1:end] if end > 0 else ""
        if condition and ";" not in condition and " = " not in condition:
            put = lambda text: line[:begin] + "(" + text + ")" + line[end + 1:]
            found.append(("condition negated", put(f"l0_mutants::on(K) ? !({condition}) : bool({condition})")))
            for token, other in ((" && ", "||"), (" || ", "&&")):
                parts = split_top(condition, token)
                if parts and not (token == " && " and split_top(condition, " || ")):
                    found.append((f"{token.strip()} to {other}",
                                  put(f"l0_mutants::on(K) ? (({parts[0]}) {other} ({parts[1]})) : bool({condition})")))
    ends_before = before.rstrip()[-1:] in (";", "{", "}", ")") or before.rstrip().endswith("else")
    one_statement = code.endswith(";") and ends_before and code.count("(") == code.count(")") and code.count("{") == code.count("}")
    if one_statement:
        statement = code.strip()
        indent = line[:len(line) - len(line.lstrip())]
        is_assignment = re.match(r"[\w.:\->\[\]()]+ [-+*/|&]?= .*;$", statement)
        is_call = re.match(r"(?!return\b|throw\b|break|continue|delete\b)[\w.:\->\[\]()]+\(.*\);$", statement)
        is_step = re.match(r"(\+\+|--)[\w.\->\[\]()]+;$", statement)
        raw = line.split("//")[0].strip() if "//" not in code else statement
        for_speed = re.search(r"[.>](reserve|shrink_to_fit)\(", statement)
        if (is_assignment or is_call or is_step) and not for_speed:
            found.append(("statement left out", f"{indent}{{ if (!l0_mutants::on(K)) {raw} }}"))
        match = re.match(r"([\w.:\->\[\]()]+) ([-+])= (.*);$", raw)
        if match:
            left, sign, right = match.groups()
            other = "-" if sign == "+" else "+"
            found.append((f"{sign}= to {other}=", f"{indent}{{ if (l0_mutants::on(K)) {left} {other}= {right}; "
                                                  f"else {left} {sign}= {right}; }}"))
        match = re.match(r"return (.*);$", raw)
        if match:
            value = match.group(1)
            for token, other in ((" && ", "||"), (" || ", "&&")):
                parts = split_top(value, token)
                if parts and " ? " not in value and not (token == " && " and split_top(value, " || ")):
                    found.append((f"{token.strip()} to {other}", f"{indent}return l0_mutants::on(K) ? (({parts[0]}) "
                                                                f"{other} ({parts[1]})) : ({value});"))
    for match in re.finditer(r"(?<![\w.>:])([\w:]+)\((\w+), (\w+)\)", code):
        name, a, b = match.groups()
        if a != b and name not in ("if", "while", "for", "std::min", "std::max", "return") and not line[:match.start()].strip() == "":
            found.append((f"arguments of {name} swapped", line[:match.start()] + f"(l0_mutants::on(K) ? {name}({b}, {a}) : "
                                                          f"{name}({a}, {b}))" + line[match.end():]))
    return found


class Mutant:
    """One change. Known again by its line's text, so that a resumed run finds it where the file has grown."""

    def __init__(self, number, path, text, nth, change, what):
        self.number, self.path, self.text, self.nth, self.change, self.what = number, path, text, nth, change, what
        self.fate = None    # "failure", "crash", "no end" by a test; "does not compile"; "line gone"
        self.by = None      # the file of tests that noticed it
        self.passed = {}    # files of tests that reached it and passed, with their hash
        self.line = -1
        self.broken = None

    def locate(self):
        lines = (ROOT / self.path).read_text().splitlines() if (ROOT / self.path).is_file() else []
        same = [i for i, line in enumerate(lines) if line.strip() == self.text]
        changes = []
        if len(same) > self.nth:
            self.line = same[self.nth]
            changes = candidates(lines[self.line], lines[self.line - 1] if self.line else "", "")
        if self.change < len(changes) and changes[self.change][0] == self.what:
            self.broken = re.sub(r"\bK\b", str(self.number), changes[self.change][1])
        elif self.fate is None:
            self.fate = "line gone"

    @property
    def room(self):
        return self.path.split("/")[2]

    def __str__(self):
        return f"{self.path}:{self.line + 1}: {self.what}: {self.text}"


def choose(rooms, without, count, rng):
    """Lines by the seed, each room by its share of all that can be changed."""
    sites = []
    for path in sorted((ROOT / "include" / "l0").rglob("*.hpp")):
        room = path.relative_to(ROOT / "include" / "l0").parts[0]
        if room not in rooms or any(path.is_relative_to(ROOT / "include" / "l0" / folder) for folder in without):
            continue
        lines = path.read_text().splitlines()
        seen = {}
        in_table = False
        for i, line in enumerate(lines):
            nth = seen[line.strip()] = seen.get(line.strip(), -1) + 1
            code = code_of(line)
            in_table = in_table or ("constexpr" in code and code.endswith(("{", ",", "=")) and "(" not in code)
            if in_table:
                in_table = "};" not in code
                continue
            changes = candidates(line, lines[i - 1] if i else "", "")
            if changes:
                sites.append((str(path.relative_to(ROOT)), line.strip(), nth, changes))
    rng.shuffle(sites)
    mutants = []
    for number, (path, text, nth, changes) in enumerate(sites[:min(count, 4096)]):
        change = rng.randrange(len(changes))
        mutants.append(Mutant(number, path, text, nth, change, changes[change][0]))
        if changes[change][0] == "+ to -" and re.search(r'" \+ |\+ "|\+ (detail::)?(to_text|short_number)\(', text):
            mutants[-1].fate = "does not compile"  # a text, or a place named in one
    return mutants


def write_tree(mutants):
    """build/mutants/include: the headers with every living mutant behind its switch."""
    by_file = {}
    for mutant in mutants:
        if mutant.fate is None:
            by_file.setdefault(mutant.path, {})[mutant.line] = mutant.broken
    for path in (ROOT / "include").rglob("*.hpp"):
        target = BUILD / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text().splitlines()
        for line, broken in by_file.get(str(path.relative_to(ROOT)), {}).items():
            lines[line] = broken
        text = "\n".join(lines) + "\n"
        if not target.exists() or target.read_text() != text:
            target.write_text(text)


def compiles(command, mutants, name):
    """Compiles with every living mutant; those that do not compile leave."""
    write_tree(mutants)
    for _ in range(12):
        run = subprocess.run(command, capture_output=True, text=True, timeout=1800)
        if run.returncode == 0:
            return True
        at = {(m.path, m.line + 1): m for m in mutants if m.fate is None}
        gone = set()
        for pattern in (r"(include/l0/\S+?):(\d+):\d+: error", r"(include/l0/\S+?):(\d+)"):
            for path, line in re.findall(pattern, run.stderr):
                if (path, int(line)) in at:
                    gone.add(at[(path, int(line))])
            if gone:
                break
        if not gone:
            print(f"  {name} does not compile:\n" + run.stderr[:2000], file=sys.stderr)
            return False
        for mutant in gone:
            mutant.fate = "does not compile"
        write_tree(mutants)
    return False


class TestFile:
    """A file of tests, and the program that is made of it alone."""

    def __init__(self, path, times):
        self.path = path
        self.name = str(path.relative_to(ROOT))
        self.room = path.relative_to(ROOT / "tests").parts[0]
        self.headers = set()
        digest = hashlib.sha256()
        seen, waiting = {path}, [path]
        while waiting:
            text = waiting[0].read_text()
            if waiting.pop(0).is_relative_to(ROOT / "tests"):
                digest.update(text.encode())
            for include in re.findall(r'#include [<"]([^>"]+)[>"]', text):
                for folder in (ROOT / "include", ROOT / "tests"):
                    header = folder / include
                    if header.is_file() and header not in seen:  # <random> is no folder of tests
                        seen.add(header)
                        waiting.append(header)
        self.headers = {str(p.relative_to(ROOT)) for p in seen}
        self.hash = digest.hexdigest()[:16]
        self.seconds = times.get(self.name, 1 + path.stat().st_size / 1000)
        self.program = BUILD / "programs" / self.name.replace("/", "_").removesuffix(".cpp")

    def can_notice(self, mutants):
        return [m for m in mutants if m.fate is None and m.path in self.headers and m.passed.get(self.name) != self.hash]

    def worth(self, mutants):
        """Mutants per second of compilation; those of the test's own room count more."""
        return sum(1.0 if m.room == self.room else 0.15 for m in self.can_notice(mutants)) / (1 + self.seconds)

    def build(self, mutants, flags, objects):
        """Compiles and links. False where it is not to be had."""
        self.program.parent.mkdir(parents=True, exist_ok=True)
        return compiles(flags + [str(self.path), *map(str, objects), "-pthread", "-o", str(self.program)], mutants, self.name)

    def run(self, number, seconds, reached=None):
        """How the tests end: None, "failure", "crash" or "no end" (after so many seconds of processor time)."""
        environment = dict(os.environ, L0_MUTANT=str(number))
        if reached:
            environment["L0_MUTANTS_REACHED"] = str(reached)
        bound = lambda: (resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 1)),
                         resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30)))
        try:
            run = subprocess.run([str(self.program), "--abort"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 cwd=BUILD, preexec_fn=bound, timeout=60 * seconds)
        except subprocess.TimeoutExpired:
            return "no end"
        return None if run.returncode == 0 else "failure" if run.returncode > 0 else "no end" if run.returncode == -24 else "crash"


def compile_times(log):
    """Seconds per file of tests, of a build's .ninja_log; none where there is no such build."""
    times = {}
    for line in log.read_text().splitlines() if log.is_file() else []:
        fields = line.split("\t")
        match = re.match(r"tests/CMakeFiles/test_\w+\.dir/(.*\.cpp)\.o$", fields[3]) if len(fields) > 3 else None
        if match:
            times["tests/" + match.group(1)] = (int(fields[1]) - int(fields[0])) / 1000
    return times


def children_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def try_all(file, mutants, flags, objects):
    """Runs a file of tests on every mutant that it reaches."""
    if not file.build(mutants, flags, objects):
        return False
    listing = BUILD / "reached.txt"
    listing.unlink(missing_ok=True)
    began = children_seconds()
    if file.run(-1, 900, listing) is not None:
        print(f"  {file.name} fails without a mutant; left out", flush=True)
        return False
    seconds = 3 + 5 * (children_seconds() - began)
    reached = {int(k) for k in listing.read_text().split()}
    for mutant in file.can_notice(mutants):
        if mutant.number in reached:
            mutant.fate = file.run(mutant.number, seconds)
            mutant.by = file.name if mutant.fate else None
        if mutant.fate is None:
            mutant.passed[file.name] = file.hash
            if mutant.number in reached:
                mutant.passed[file.name + " reached"] = file.hash
    return True


def summary(seed, mutants, untried):
    """A line per room; the survivors."""
    counted = [m for m in mutants if m.fate not in ("does not compile", "line gone")]
    print()
    for room in sorted({m.room for m in counted}):
        own = [m for m in counted if m.room == room]
        noticed = sum(1 for m in own if m.fate)
        waiting = sum(1 for m in own if not m.fate and untried(m))
        print(f"{room}: {noticed} of {len(own)} noticed" + (f", {waiting} not yet tried on all tests" if waiting else ""))
    noticed = sum(1 for m in counted if m.fate)
    print(f"seed {seed}: {noticed} of {len(counted)} noticed ({100 * noticed / max(1, len(counted)):.1f} %); "
          f"{sum(1 for m in mutants if m.fate == 'does not compile')} more did not compile")
    survivors = [m for m in counted if not m.fate]
    if survivors:
        print("\n| line | change | code | |\n|---|---|---|---|")
    for m in survivors:
        code = m.text.replace("|", "\\|")
        seen = any(name.endswith(" reached") for name in m.passed)
        state = "not yet tried on all tests" if untried(m) else "passes" if seen else "run by no test"
        print(f"| {m.path}:{m.line + 1} | {m.what} | `{code}` | {state} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rooms", nargs="*", help="folders of include/l0; all of them by default")
    parser.add_argument("--lines", type=int, default=200, help="lines to draw")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", type=Path, help="results.json of an earlier run: its mutants, what it found")
    parser.add_argument("--tests", nargs="*", help="whose tests are tried: rooms, or files as trees/boosting.cpp; all by default")
    parser.add_argument("--without", nargs="*", default=[], help="folders of include/l0 whose lines stay, as regression/search")
    parser.add_argument("--compiled", action="store_true",
                        help="link l0::compiled, with the mutants, where tests share much (regression): it is compiled first")
    parser.add_argument("--compiler", default=os.environ.get("CXX", "g++"))
    parser.add_argument("--eigen", default="/usr/include/eigen3")
    parser.add_argument("--build", type=Path, help="folder to work in (build/mutants)")
    parser.add_argument("--list", action="store_true", help="only says what would be changed, or what is known after --resume")
    parser.add_argument("--times", type=Path, default=HOME / "build" / "test" / ".ninja_log",
                        help="the .ninja_log of a build of the tests: how long each file takes to compile")
    parser.add_argument("--limit", type=float, default=1e9, help="seconds after which no further file is compiled")
    arguments = parser.parse_args()

    global BUILD, ROOT
    began = time.time()
    if arguments.build:
        BUILD = arguments.build.resolve()
        ROOT = BUILD / "source"
    shutil.rmtree(ROOT, ignore_errors=True)
    for folder in ("include", "tests", "examples/data", "cmake/compiled"):
        shutil.copytree(HOME / folder, ROOT / folder)
    all_rooms = sorted(p.name for p in (ROOT / "include" / "l0").iterdir() if p.is_dir())
    for room in arguments.rooms:
        if room not in all_rooms:
            parser.error(f"room {room}: not one of {', '.join(all_rooms)}")

    seed = arguments.seed
    if arguments.resume:
        stored = json.loads(arguments.resume.read_text())
        seed = stored["seed"]
        mutants = []
        for entry in stored["mutants"]:
            mutant = Mutant(*(entry[key] for key in ("number", "path", "text", "nth", "change", "what")))
            mutant.fate, mutant.by, mutant.passed = entry["fate"], entry["by"], entry["passed"]
            mutants.append(mutant)
    else:
        mutants = choose(arguments.rooms or all_rooms, arguments.without, arguments.lines, random.Random(seed))
    for mutant in mutants:
        mutant.locate()
    results = arguments.resume or BUILD / "results.json"

    def store():
        keys = ("number", "path", "text", "nth", "change", "what", "fate", "by", "passed")
        text = json.dumps({"seed": seed, "mutants": [{key: getattr(m, key) for key in keys} for m in mutants]}, indent=1)
        temporary = results.with_suffix(".new")
        temporary.write_text(text)
        temporary.replace(results)

    times = compile_times(arguments.times)
    files = [TestFile(path, times) for name in arguments.tests or all_rooms
             for path in sorted((ROOT / "tests").glob(name if name.endswith(".cpp") else f"{name}/*.cpp"))]
    refused = set()
    untried = lambda m: any(f.can_notice([m]) for f in files if f.name not in refused)
    if arguments.list:
        if arguments.resume:
            summary(seed, mutants, untried)
        else:
            print("\n".join(map(str, mutants)))
        return

    (BUILD / "switch.hpp").write_text(SWITCH)
    (BUILD / "first.hpp").write_text('#include "switch.hpp"\n#include "support/catch.hpp"\n#include <Eigen/Dense>\n#include <Eigen/Sparse>\n')
    catch = 2 if Path("/usr/include/catch2/catch.hpp").exists() else 3
    flags = [arguments.compiler, "-std=c++20", "-O1", "-w", "-fmax-errors=0", f"-I{BUILD}", f"-I{BUILD / 'include'}", f"-I{ROOT / 'tests'}",
             "-D_GLIBCXX_ASSERTIONS", "-isystem", arguments.eigen, f"-DL0_TEST_CATCH2_VERSION={catch}",
             f'-DL0_TEST_DATA_DIR="{ROOT / "tests" / "data"}"', "-DEIGEN_RUNTIME_NO_MALLOC="]
    main_object = BUILD / "catch_main.o"
    if not main_object.exists():
        subprocess.run(flags + ["-O0", "-c", str(ROOT / "tests/support/catch_main.cpp"), "-o", str(main_object)], check=True)
    flags += ["-DL0_COMPILED_LIBRARY"] if arguments.compiled else []
    subprocess.run(flags + ["-x", "c++-header", str(BUILD / "first.hpp"), "-o", str(BUILD / "first.hpp.gch")], check=True)
    flags += ["-include", str(BUILD / "first.hpp")]
    objects = [main_object]
    for source in sorted((ROOT / "cmake" / "compiled").glob("*.cpp")) if arguments.compiled else []:
        objects.append(BUILD / f"compiled_{source.stem}.o")
        if not compiles(flags + ["-c", str(source), "-o", str(objects[-1])], mutants, source.name):
            sys.exit(1)

    while time.time() - began < arguments.limit:
        file = max((f for f in files if f.name not in refused), key=lambda f: f.worth(mutants), default=None)
        if file is None or file.worth(mutants) == 0:
            break
        tried = file.can_notice(mutants)
        if not try_all(file, mutants, flags, objects):
            refused.add(file.name)
        store()
        noticed = sum(1 for m in tried if m.by == file.name)
        print(f"{file.name}: {noticed} of {len(tried)} noticed, {sum(1 for m in mutants if m.fate is None)} living, "
              f"{time.time() - began:.0f} s", flush=True)
    summary(seed, mutants, untried)


if __name__ == "__main__":
    main()
