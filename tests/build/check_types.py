#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Refuses matrix types whose order of storage or type of index is left to the program that includes l0.

Usage: check_types.py FOLDER        every .hpp below it

A program may be compiled with EIGEN_DEFAULT_TO_ROW_MAJOR or with another default type of index; l0's kernels read memory
in the order that they were written for. So every type says its order, sparse ones also their index, and what Eigen does
not promise to keep is used in core/eigen_internals.hpp alone.
"""
import pathlib
import re
import sys


def arguments(text, start):
    """The template arguments from the position behind '<' on."""
    found, depth, last = [], 0, start
    for at in range(start, len(text)):
        char = text[at]
        if char in '<(':
            depth += 1
        elif char == ')' or (char == '>' and depth > 0):
            depth -= 1
        elif char == '>' or (char == ',' and depth == 0):
            found.append(text[last:at].strip())
            last = at + 1
            if char == '>':
                return found
    return found


def faults(text, is_internals):
    """What is wrong in a header, as (position, sentence)."""
    for match in re.finditer(r'Eigen::(Matrix|Array|SparseMatrix|SparseVector)<', text):
        given = arguments(text, match.end())
        kind = match[1]
        if kind in ('Matrix', 'Array') and len(given) < 4 and '1' not in given[1:3]:
            yield match.start(), f'Eigen::{kind}<{", ".join(given)}> leaves its order to the program: say Eigen::ColMajor'
        if kind.startswith('Sparse') and len(given) < 3:
            yield match.start(), f'Eigen::{kind}<{", ".join(given)}> leaves its order or index to the program: say both'
    for match in re.finditer(r'Eigen::(Matrix|Array)(X+|[234])[a-z]\w*', text):
        yield match.start(), f'{match[0]} leaves its order to the program: use l0::Matrix'
    if not is_internals:
        for match in re.finditer(r'Eigen::(internal|all|placeholders)\b', text):
            yield match.start(), f'{match[0]} differs between versions of Eigen'


def main():
    folder = pathlib.Path(sys.argv[1])
    headers = sorted(folder.rglob('*.hpp'))
    if not headers:
        sys.exit(f'{folder} holds no header')
    bad = 0
    for path in headers:
        # Comments are blanked, so that positions stay.
        text = re.sub(r'//[^\n]*', lambda comment: ' ' * len(comment[0]), path.read_text(encoding='utf-8'))
        for at, sentence in faults(text, path.name == 'eigen_internals.hpp'):
            print(f'{path}:{text.count(chr(10), 0, at) + 1}: {sentence}')
            bad += 1
    print(f'{len(headers)} headers, {bad} types to mend')
    sys.exit(bad > 0)


main()
