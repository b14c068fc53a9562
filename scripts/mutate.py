#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Breaks lines of include/l0, one at a time, and tells which of them no test notices.

    scripts/mutate.py --lines 200 --seed 1                  # 200 lines of the whole library
    scripts/mutate.py --lines 20 --seed 1 gates penalties   # of two rooms

A mutant is one change in one line: + for -, < for <=, == for !=, && for ||, a constant one larger, a condition negated,
a statement left out, two arguments swapped. All mutants of a room are compiled into one program of its tests, each
behind a switch, and the program runs once per mutant (`L0_MUTANT=k`), so that a mutant costs a run and not a build. A
mutant that does not compile leaves, and another line is drawn. Those that the room's own tests let pass are tried on the
other rooms of the run (and those of --also) whose tests include the header. One line per mutant, and a table of those
that nobody noticed at the end; the exit status is 0.

Constant expressions, declarations and templates' parameters are not touched: a switch is thrown when the program runs.
"""
import argparse
import os
import random
import re
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
#include <concepts>
#include <cstdlib>
#include <type_traits>
namespace l0_mutants {
inline const int active = std::getenv("L0_MUTANT") != nullptr ? std::atoi(std::getenv("L0_MUTANT")) : -1;
constexpr bool on(int k) { return !std::is_constant_evaluated() && active == k; }
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
        if is_assignment or is_call or is_step:
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
    def __init__(self, number, path, line, what, text):
        self.number, self.path, self.line, self.what, self.text = number, path, line, what, text
        self.original = path.read_text().splitlines()[line].strip()
        self.fate = None

    def __str__(self):
        return f"{self.path.relative_to(ROOT)}:{self.line + 1}: {self.what}: {self.original}"


def choose(rooms, count, rng, share):
    """Lines by the seed, as many of each room as its share of all that can be changed; twice as many as wanted."""
    sites = []
    for path in sorted((ROOT / "include" / "l0").rglob("*.hpp")):
        room = path.relative_to(ROOT / "include" / "l0").parts[0]
        if room not in rooms:
            continue
        lines = path.read_text().splitlines()
        in_table = False
        for i, line in enumerate(lines):
            code = code_of(line)
            in_table = in_table or ("constexpr" in code and code.endswith(("{", ",", "=")) and "(" not in code)
            if in_table:
                in_table = "};" not in code
                continue
            changes = candidates(line, lines[i - 1] if i else "", lines[i + 1] if i + 1 < len(lines) else "")
            if changes:
                sites.append((path, i, changes))
    rng.shuffle(sites)
    mutants = []
    for number, (path, line, changes) in enumerate(sites[:int(count * share)]):
        what, text = rng.choice(changes)
        mutants.append(Mutant(number, path, line, what, text.replace("K", str(number), 1) if "<K>" in text
                              else re.sub(r"\bK\b", str(number), text)))
    return mutants


def write_tree(mutants):
    """build/mutants/include: the headers with every living mutant behind its switch."""
    by_file = {}
    for mutant in mutants:
        by_file.setdefault(mutant.path, {})[mutant.line] = mutant
    for path in (ROOT / "include").rglob("*.hpp"):
        target = BUILD / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text().splitlines()
        for line, mutant in by_file.get(path, {}).items():
            if mutant.fate != "does not compile":
                lines[line] = mutant.text
        text = "\n".join(lines) + "\n"
        if not target.exists() or target.read_text() != text:
            target.write_text(text)


def compile_source(source, mutants, flags):
    """An object file of one test source; mutants that do not compile leave. None where it is not to be had."""
    target = BUILD / "objects" / (str(source.relative_to(ROOT)).replace("/", "_") + ".o")
    target.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(12):
        run = subprocess.run(flags + ["-c", str(source), "-o", str(target)], capture_output=True, text=True, timeout=900)
        if run.returncode == 0:
            return target
        at = {}
        for mutant in mutants:
            if mutant.fate is None:
                at[(str(mutant.path.relative_to(ROOT)), mutant.line + 1)] = mutant
        gone = set()
        for pattern in (r"(include/l0/\S+?):(\d+):\d+: error", r"(include/l0/\S+?):(\d+)"):
            for path, line in re.findall(pattern, run.stderr):
                if (path, int(line)) in at:
                    gone.add(at[(path, int(line))])
            if gone:
                break
        if not gone:
            print(f"  {source.name} does not compile:\n" + run.stderr[:2000], file=sys.stderr)
            return None
        for mutant in gone:
            mutant.fate = "does not compile"
        write_tree(mutants)
    return None


def headers_of(room):
    """The headers that the tests of a room include, directly or not."""
    seen = set()
    waiting = list((ROOT / "tests" / room).glob("*.cpp"))
    while waiting:
        for name in re.findall(r'#include [<"]([^>"]+)[>"]', waiting.pop().read_text()):
            for folder in (ROOT / "include", ROOT / "tests"):
                path = folder / name
                if path.is_file() and path not in seen:  # <random> is no folder of tests
                    seen.add(path)
                    waiting.append(path)
    return seen


def run_tests(program, number, seconds):
    environment = dict(os.environ, L0_MUTANT=str(number))
    try:
        run = subprocess.run([str(program), "--abort"], env=environment, capture_output=True, timeout=seconds,
                             cwd=BUILD)
        return None if run.returncode == 0 else "crash" if run.returncode < 0 else "failure"
    except subprocess.TimeoutExpired:
        return "no end"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rooms", nargs="*", help="folders of include/l0; all of them by default")
    parser.add_argument("--lines", type=int, default=200, help="lines to break")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--also", nargs="*", default=[], help="rooms whose tests are tried too, without mutants of their own")
    parser.add_argument("--compiler", default=os.environ.get("CXX", "g++"))
    parser.add_argument("--eigen", default="/usr/include/eigen3")
    parser.add_argument("--build", type=Path, help="folder to work in (build/mutants)")
    parser.add_argument("--list", action="store_true", help="only says what would be changed")
    parser.add_argument("--limit", type=float, default=1e9, help="seconds after which no further room is begun")
    arguments = parser.parse_args()

    global BUILD, ROOT
    began = time.time()
    if arguments.build:
        BUILD = arguments.build.resolve()
        ROOT = BUILD / "source"
    shutil.rmtree(BUILD, ignore_errors=True)
    for folder in ("include", "tests", "examples/data"):
        shutil.copytree(HOME / folder, ROOT / folder)
    all_rooms = sorted(p.name for p in (ROOT / "include" / "l0").iterdir() if p.is_dir() and (ROOT / "tests" / p.name).is_dir())
    rooms = arguments.rooms or all_rooms
    for room in rooms + arguments.also:
        if room not in all_rooms:
            parser.error(f"room {room}: not one of {', '.join(all_rooms)}")
    mutants = choose(rooms, arguments.lines, random.Random(arguments.seed), share=1.6)
    if arguments.list:
        for mutant in mutants:
            print(mutant)
        return

    (BUILD / "switch.hpp").write_text(SWITCH)
    (BUILD / "first.hpp").write_text('#include "switch.hpp"\n#include "support/catch.hpp"\n#include <Eigen/Dense>\n#include <Eigen/Sparse>\n')
    write_tree(mutants)
    catch = 2 if Path("/usr/include/catch2/catch.hpp").exists() else 3
    flags = [arguments.compiler, "-std=c++20", "-O1", "-w", "-fmax-errors=0", f"-I{BUILD}", f"-I{BUILD / 'include'}", f"-I{ROOT / 'tests'}",
             "-isystem", arguments.eigen, f"-DL0_TEST_CATCH2_VERSION={catch}",
             f'-DL0_TEST_DATA_DIR="{ROOT / "tests" / "data"}"', "-DEIGEN_RUNTIME_NO_MALLOC="]
    subprocess.run(flags + ["-x", "c++-header", str(BUILD / "first.hpp"), "-o", str(BUILD / "first.hpp.gch")], check=True)
    flags += ["-include", str(BUILD / "first.hpp")]
    main_object = BUILD / "catch_main.o"
    subprocess.run(flags[:-2] + ["-O0", "-c", str(ROOT / "tests/support/catch_main.cpp"), "-o", str(main_object)], check=True)

    programs = {}

    def program_of(room):
        if room not in programs:
            objects = [compile_source(source, mutants, flags) for source in sorted((ROOT / "tests" / room).glob("*.cpp"))]
            program = BUILD / f"test_{room}"
            subprocess.run([arguments.compiler, *map(str, filter(None, objects)), str(main_object), "-pthread", "-o", str(program)], check=True)
            start = time.time()
            if run_tests(program, -1, 900) is not None:
                print(f"{room}: the tests fail without a mutant; left out", flush=True)
                program = None
            programs[room] = (program, max(10.0, 6 * (time.time() - start)))
        return programs[room]

    done = []
    for room in sorted(rooms, key=lambda r: sum(s.stat().st_size for s in (ROOT / "tests" / r).glob("*.cpp"))):
        if time.time() - began > arguments.limit:
            print(f"{room}: not begun, {arguments.limit:.0f} s are over", flush=True)
            continue
        own = [m for m in mutants if m.path.relative_to(ROOT / "include" / "l0").parts[0] == room]
        wanted = round(len(own) / 1.6)
        if not own:
            continue
        program, seconds = program_of(room)
        if program is None:
            continue
        alive = [m for m in own if m.fate is None][:wanted]
        for mutant in alive:
            mutant.fate = run_tests(program, mutant.number, seconds)
            verdict = f"noticed by {room} ({mutant.fate})" if mutant.fate else f"passes {room}"
            print(f"{verdict}: {mutant}", flush=True)
            done.append(mutant)
        noticed = sum(1 for m in alive if m.fate)
        print(f"{room}: {noticed} of {len(alive)} noticed, {time.time() - began:.0f} s so far", flush=True)

    for room in arguments.also:
        program_of(room)
    included = {room: headers_of(room) for room in programs}
    for mutant in [m for m in done if not m.fate]:
        own = mutant.path.relative_to(ROOT / "include" / "l0").parts[0]
        for room, (program, seconds) in programs.items():
            if mutant.fate is None and program and room != own and mutant.path in included[room]:
                mutant.fate = run_tests(program, mutant.number, seconds)
                if mutant.fate:
                    print(f"noticed by {room} ({mutant.fate}): {mutant}", flush=True)

    survivors = [m for m in done if not m.fate]
    if done:
        print(f"\nseed {arguments.seed}: {len(done) - len(survivors)} of {len(done)} noticed "
              f"({100 * (1 - len(survivors) / len(done)):.1f} %)")
    if survivors:
        print("\n| line | change | code |\n|---|---|---|")
        for m in survivors:
            code = m.original.replace("|", "\\|")
            print(f"| {m.path.relative_to(ROOT)}:{m.line + 1} | {m.what} | `{code}` |")


if __name__ == "__main__":
    main()
