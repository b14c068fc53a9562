#!/usr/bin/env python3
"""Holds the headers against the picture of the house, the first table of docs/design.md: a room per row, with the file
that it begins with and the rooms that it includes. The rows stand in the order of the data, so that an arrow goes up.

Usage: scripts/check_rooms.py [--root DIR]      prints what does not agree and ends with 1; else a line of counts.
"""
import argparse
import pathlib
import re
import sys

LONGEST = 400  # lines of a header
# What costs a compiler more than the library itself, and what only readers and progress bars need.
NOT_IN_UMBRELLA = {'iostream', 'istream', 'ostream', 'sstream', 'fstream', 'filesystem', 'ranges', 'regex', 'format'}
OUTSIDE_UMBRELLA = 'io'                  # a room with doors of its own
DOORS = {'training/progress.hpp'}        # one line for users, into another room
ABOVE_ROOMS = {'l0.hpp', 'version.hpp'}  # in include/l0 itself
EXCEPTIONS = re.compile(r'\b(throw|try|catch|dynamic_cast|typeid)\b')
EXCEPTIONS_IN = 'core/error.hpp'         # what stands in for them with -fno-exceptions; nothing needs type information
COMMENT = re.compile(r'//.*')

ROW = re.compile(r'^\| `([a-z/_]+)` \|[^|]*\| `([a-z0-9_]+\.hpp)` \|([^|]*)\|$')
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)


def read_picture(text):
    """Rooms in their order: name → (head, rooms included)."""
    rooms = {}
    for line in text.splitlines():
        row = ROW.match(line)
        if row:
            rooms[row[1]] = (row[2], row[3].replace('`', '').split())
        elif rooms:
            break
    return rooms


def room_of(header, rooms):
    """The innermost room that a header of include/l0 stands in."""
    folder = str(pathlib.PurePosixPath(header).parent)
    return folder if folder in rooms else None


def check(root):
    problems = []
    base = root / 'include' / 'l0'
    rooms = read_picture((root / 'docs' / 'design.md').read_text(encoding='utf-8'))
    if not rooms:
        return ['docs/design.md: its first table has no rows of rooms'], ''
    headers = {str(path.relative_to(base).as_posix()): path.read_text(encoding='utf-8')
               for path in sorted(base.rglob('*.hpp'))}
    includes = {name: INCLUDE.findall(text) for name, text in headers.items()}
    order = {room: place for place, room in enumerate(rooms)}

    for room, (head, targets) in rooms.items():
        if not any(room_of(name, rooms) == room for name in headers):
            problems.append(f'docs/design.md: there is no header in the room {room}')
            continue
        start = headers.get(f'{room}/{head}')
        if start is None:
            problems.append(f'docs/design.md: the room {room} has no file {head}')
        elif '\\file' not in start:
            problems.append(f'{room}/{head}: the head of the room has no \\file that says how data walk through it')
        for target in targets:
            if target not in order:
                problems.append(f'docs/design.md: {room} includes {target}, which is no room')
            elif order[target] >= order[room]:
                problems.append(f'docs/design.md: {room} includes {target}, which does not stand above it')

    used = {room: set() for room in rooms}
    for name, text in headers.items():
        lines = text.count('\n')
        if lines > LONGEST:
            problems.append(f'{name}: {lines} lines, at most {LONGEST}')
        if name != EXCEPTIONS_IN:
            for number, line in enumerate(text.splitlines(), 1):
                if EXCEPTIONS.search(COMMENT.sub('', line)):
                    problems.append(f'{name}:{number}: exceptions and type information are for {EXCEPTIONS_IN} alone')
        room = room_of(name, rooms)
        if room is None:
            if name not in ABOVE_ROOMS:
                problems.append(f'{name}: its folder is no room in docs/design.md')
            continue
        targets = [other[len('l0/'):] for other in includes[name] if other.startswith('l0/')]
        for target in targets:
            other = room_of(target, rooms)
            if target not in headers:
                problems.append(f'{name}: includes {target}, which does not exist')
            elif other is None:
                problems.append(f'{name}: includes {target}, which is in no room')
            elif other != room and name not in DOORS:
                used[room].add(other)
                if other not in rooms[room][1]:
                    problems.append(f'{name}: includes {target}, but {room} does not include {other}')
        body = [line for line in text.splitlines() if line.strip() and not line.startswith(('//', '#'))]
        if not body and name not in DOORS and name != f'{room}/{rooms[room][0]}':
            problems.append(f'{name}: nothing but includes; let users include what it includes')
    for room, (_, targets) in rooms.items():
        for target in targets:
            if target in order and target not in used[room]:
                problems.append(f'docs/design.md: {room} does not include {target}')

    # From l0.hpp every header is reached but those of the doors, and none that costs a compiler much.
    reached, waiting = set(), ['l0.hpp']
    while waiting:
        name = waiting.pop()
        if name in reached or name not in includes:
            continue
        reached.add(name)
        for other in includes[name]:
            if other.startswith('l0/'):
                waiting.append(other[len('l0/'):])
            elif other in NOT_IN_UMBRELLA:
                problems.append(f'{name}: includes <{other}>, and l0.hpp includes {name}')
    for name in headers:
        room = room_of(name, rooms)
        if name not in reached and room is not None and room.split('/')[0] != OUTSIDE_UMBRELLA and name not in DOORS:
            if not any(f'l0/{name}' in includes[door] for door in DOORS):
                problems.append(f'{name}: not reached from l0.hpp')

    # The compiler would not notice: the headers are compiled with Eigen's core at hand.
    with_eigen = {name for name, others in includes.items() if any(other.startswith('Eigen/') for other in others)}
    while True:
        more = {name for name, others in includes.items()
                if name not in with_eigen and any(other[len('l0/'):] in with_eigen for other in others)}
        if not more:
            break
        with_eigen |= more
    for name, text in headers.items():
        if name not in with_eigen and re.search(r'^(?!\s*//).*Eigen::', text, re.M):
            problems.append(f'{name}: names Eigen and includes nothing that does')

    arrows = sum(len(targets) for _, targets in rooms.values())
    return problems, f'{len(headers)} headers in {len(rooms)} rooms, {arrows} arrows between them, none back'


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--root', type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    problems, counts = check(parser.parse_args().root)
    print('\n'.join(problems) if problems else counts)
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
