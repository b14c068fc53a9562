#!/usr/bin/env python3
"""Turns the ```cpp blocks of Markdown files into programs that run all of them.

Usage: scripts/snippets.py --out DIR FILE.md...

Each block is compiled with the line numbers of its page, so that a compiler's message names the page. What is written in
a comment before a block says how:

    (nothing)                   statements, the body of a function; or, with `int main`, a whole program
    <!-- snippet: declarations -->  types and functions, seen by the later blocks of the page
    <!-- snippet                statements that come first but are not shown
    ...
    -->

`#include` lines of all blocks come first. tests/snippets/snippet.hpp is included before them. The pages are dealt out to
two files, part_0.cpp and part_1.cpp, each with a function `run_part_i`.
"""
import argparse
import pathlib
import re
import sys

FENCE = re.compile(r'^```(\S*)')
HIDDEN = re.compile(r'<!--\s*snippet(?P<kind>:[^\n]*?)?\s*(?P<body>\n.*?)?-->', re.S)


class Block:
    def __init__(self, page, line, code, kind, hidden, hidden_line):
        self.page, self.line, self.code, self.kind = page, line, code, kind
        self.hidden, self.hidden_line = hidden, hidden_line


def stop(page, line, message):
    sys.exit(f'{page}:{line}: {message}')


def blocks_of(page, shown):
    """The C++ blocks of one page, in order."""
    lines = page.read_text(encoding='utf-8').split('\n')
    found, pending, number = [], None, 0
    while number < len(lines):
        line = lines[number]
        fence = FENCE.match(line)
        if fence:
            start = number + 1
            end = start
            while end < len(lines) and not lines[end].startswith('```'):
                end += 1
            if end == len(lines):
                stop(shown, number + 1, 'a block that does not end')
            if fence[1] == 'cpp':
                kind, hidden, hidden_line = pending or ('', '', 0)
                found.append(Block(shown, start + 1, lines[start:end], kind, hidden, hidden_line))
            elif pending:
                stop(shown, number + 1, 'a snippet comment is followed by a block that is not cpp')
            pending = None
            number = end + 1
            continue
        if line.lstrip().startswith('<!-- snippet'):
            end = number
            while end < len(lines) and '-->' not in lines[end]:
                end += 1
            match = HIDDEN.fullmatch('\n'.join(lines[number:end + 1]).strip())
            if not match:
                stop(shown, number + 1, 'a snippet comment of another form, see scripts/snippets.py')
            kind = (match['kind'] or ':')[1:].strip()
            if kind not in ('', 'declarations'):
                stop(shown, number + 1, f'snippet: {kind} is not known, see scripts/snippets.py')
            pending = (kind, (match['body'] or '\n')[1:], number + 2)
            number = end + 1
            continue
        if line.strip() and pending:
            stop(shown, number + 1, 'text between a snippet comment and its block')
        number += 1
    return found


def render(pages, part):
    includes, body, calls = [], [], []

    def take(lines, page, first):
        """The lines without #include; those are collected."""
        kept = [f'#line {first} "{page}"']
        for line in lines:
            if re.match(r'\s*#\s*include', line):
                if line not in includes:
                    includes.append(line)
                line = ''
            kept.append(line)
        return kept

    for page, blocks in pages:
        space = 'page_' + re.sub(r'\W', '_', str(page))
        body.append(f'namespace {space} {{')
        for block in blocks:
            hidden = take(block.hidden.split('\n'), block.page, block.hidden_line) if block.hidden.strip() else []
            code = take(block.code, block.page, block.line)
            if block.kind == 'declarations':
                body += hidden + code
                continue
            name = f'line_{block.line}'
            program = any(re.match(r'int main\(', line) for line in code)
            if program:
                renamed = [re.sub(r'^int main\(\s*\)', f'int {name}()', line) for line in code]
                if renamed == code:
                    stop(block.page, block.line, 'a program must begin with `int main()`')
                # A function other than main must return.
                renamed[-1:] = [re.sub(r'^\}$', '  return 0; }', line) for line in renamed[-1:]]
                body += hidden + renamed
            else:
                body += [f'void {name}() {{'] + hidden + code + ['}']
            calls.append(f'  snippet::run("{block.page}:{block.line}", [] {{ {space}::{name}(); }});')
        body.append(f'}}  // namespace {space}')
    head = ['// Made by scripts/snippets.py.', '#include "snippet.hpp"'] + includes
    return '\n'.join(head + body + [f'void run_part_{part}() {{'] + calls + ['}', ''])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--out', required=True, type=pathlib.Path)
    parser.add_argument('--root', type=pathlib.Path, default=pathlib.Path.cwd())
    parser.add_argument('files', nargs='+', type=pathlib.Path)
    arguments = parser.parse_args()
    pages = []
    for file in sorted(arguments.files):
        shown = file.resolve().relative_to(arguments.root.resolve())
        blocks = blocks_of(file, shown)
        if blocks:
            pages.append((shown, blocks))
    # Pages that fit regressions are compiled together, all others together: no template is instantiated twice.
    parts = [[], []]
    for page, blocks in pages:
        fits = any('Regression<' in line for block in blocks for line in block.code)
        parts[0 if fits else 1].append((page, blocks))
    arguments.out.mkdir(parents=True, exist_ok=True)
    for number, part in enumerate(parts):
        (arguments.out / f'part_{number}.cpp').write_text(render(part, number), encoding='utf-8')
    print(sum(len(blocks) for _, blocks in pages), 'snippets of', len(pages), 'pages')


if __name__ == '__main__':
    main()
