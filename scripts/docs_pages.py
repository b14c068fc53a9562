#!/usr/bin/env python3
"""Prepares the Markdown pages of docs/ for Doxygen and writes the gallery.

Usage: scripts/docs_pages.py pages   --out DIR
       scripts/docs_pages.py gallery --out DIR --pictures DIR --programs DIR

Pages are written so that they read well where the repository is browsed. What Doxygen wants otherwise is changed here:
headings get anchors, links between pages become references, $formulas$ become \\f$formulas\\f$, comments go. A link to a
file or a heading that is not there ends the script.

The gallery runs every program of DIR (examples/*.cpp), measures it, and shows its text, its pictures and its code.
"""
import argparse
import html
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import time

root = pathlib.Path(__file__).resolve().parent.parent
# Programs that take long are shown as `--quick` runs them, as the tests do.
slow = {'mnist_mlp', 'mnist_lenet', 'sparsity_patterns', 'neural_networks'}


def slug(heading):
    """The anchor that repositories' web pages give a heading."""
    text = re.sub(r'[`*]', '', heading.strip().lower())
    text = re.sub(r'\[([^\]]*)\]\([^)]*\)', r'\1', text)
    return re.sub(r'\s', '-', re.sub(r'[^\w\s-]', '', text))


def page_id(path):
    return 'mainpage' if path.name == 'index.md' else 'page_' + re.sub(r'\W', '_', path.stem.lower())


def anchor(path, heading):
    return page_id(path) + '_' + re.sub(r'\W', '_', heading)


def outside_code(text, change):
    """`change` applied to what is not in a block or span of code."""
    pieces = re.split(r'(^```.*?^```[ \t]*$|`[^`\n]+`)', text, flags=re.S | re.M)
    return ''.join(piece if k % 2 else change(piece) for k, piece in enumerate(pieces))


class Pages:
    def __init__(self, out, extra):
        self.out = out
        self.paths = sorted((root / 'docs').glob('*.md')) + [root / 'CONTRIBUTING.md', root / 'CHANGELOG.md']
        self.ids = {path.resolve(): page_id(path) for path in self.paths}
        self.anchors = {path.resolve(): self.headings(path) for path in self.paths}
        self.extra = extra  # pages that are made, by the link that leads to them
        self.problems = []

    @staticmethod
    def headings(path):
        text = re.sub(r'^```.*?^```', '', path.read_text(encoding='utf-8'), flags=re.S | re.M)
        return {slug(match[2]) for match in re.finditer(r'^(#+) (.*)$', text, flags=re.M)}

    def link(self, path, text, target):
        if re.match(r'[a-z]+:', target):
            return f'[{text}]({target})'
        file, _, heading = target.partition('#')
        if file in self.extra:
            return f'[{text}](#{self.extra[file]})'
        where = (path.parent / file).resolve() if file else path.resolve()
        if where in self.ids:
            if not heading:
                return f'[{text}](#{self.ids[where]})'
            if heading not in self.anchors[where]:
                self.problems.append(f'{path.relative_to(root)}: no heading #{heading} in {where.name}')
            return f'[{text}](#{anchor(where, heading)})'
        if not where.exists():
            self.problems.append(f'{path.relative_to(root)}: {target} does not exist')
            return text
        if where.suffix == '.cpp' and where.parent.name == 'examples':
            return f'[{text}](#gallery_{where.stem})'
        return text  # a file of the repository without a page of its own

    def convert(self, path):
        text = path.read_text(encoding='utf-8')
        text = re.sub(r'<!--.*?-->\n?', '', text, flags=re.S)
        text = re.sub(r'^```math\n(.*?)^```', r'\\f[\n\1\\f]', text, flags=re.S | re.M)

        def prose(piece):
            piece = re.sub(r'\$([^$\n]+)\$', r'\\f$\1\\f$', piece)
            return re.sub(r'!\[([^\]]*)\]\(([^)\s]+)\)',
                          lambda m: f'<img src="{pathlib.Path(m[2]).name}" alt="{html.escape(m[1])}"/>', piece)

        text = outside_code(text, prose)
        # Links may hold code in their text, so they are looked for in whole paragraphs; blocks of code are left out.
        pieces = re.split(r'(^```.*?^```[ \t]*$)', text, flags=re.S | re.M)
        for k in range(0, len(pieces), 2):
            pieces[k] = re.sub(r'(?<!!)\[((?:`[^`\n]*`|[^\]`])*)\]\(([^)\s]+)\)', lambda m: self.link(path, m[1], m[2]),
                               pieces[k])
            pieces[k] = self.heading_anchors(path, pieces[k], first=k == 0)
        text = ''.join(pieces)
        text = re.sub(r'^```(\w+)[^\n]*\n(.*?)^```[ \t]*$', self.block, text, flags=re.S | re.M)
        return re.sub(r'^```\n(.*?)^```[ \t]*$', r'~~~~~~{.unparsed}\n\1~~~~~~', text, flags=re.S | re.M)

    @staticmethod
    def block(match):
        language = {'cpp': '.cpp', 'python': '.py', 'cmake': '.unparsed'}.get(match[1], '.unparsed')
        return f'~~~~~~{{{language}}}\n{match[2]}~~~~~~'

    @staticmethod
    def heading_anchors(path, text, first):
        def mark(match):
            nonlocal first
            if len(match[1]) == 1 and first:
                first = False
                return f'# {match[2]} {{#{page_id(path)}}}'
            return f'{match[1]} {match[2]} {{#{anchor(path, slug(match[2]))}}}'

        return re.sub(r'^(#+) (.*)$', mark, text, flags=re.M)

    def write(self):
        self.out.mkdir(parents=True, exist_ok=True)
        texts = {path: self.convert(path) for path in self.paths}
        index = root / 'docs' / 'index.md'
        # Chapters are in the order in which the start page lists them; what it does not list follows by itself.
        def chapter(match):
            listed.add(match[2])
            return f'- @subpage {match[2]} "{match[1]}"'

        listed = set()
        texts[index] = re.sub(r'^- \[([^\]]*)\]\(#(page_\w+)\)', chapter, texts[index], flags=re.M)
        missing = [path for path in self.paths if path != index and self.ids[path.resolve()] not in listed]
        if missing:
            titles = [re.search(r'^# (.*)$', path.read_text(encoding='utf-8'), flags=re.M)[1] for path in missing]
            texts[index] += '\n## More {#mainpage_more}\n\n' + ''.join(
                f'- @subpage {self.ids[path.resolve()]} "{title}"\n' for path, title in zip(missing, titles))
        for path, text in texts.items():
            (self.out / f'{page_id(path)}.md').write_text(text, encoding='utf-8')
        for problem in self.problems:
            print(problem, file=sys.stderr)
        return not self.problems


def about(source):
    """The comment at the top of an example."""
    lines = []
    for line in source.split('\n'):
        if line.startswith('// SPDX'):
            continue
        if not line.startswith('//'):
            break
        lines.append(line[3:])
    paragraph = '\n'.join(lines).split('\n\n')[0]
    return re.sub(r'([<>@\\#])', r'\\\1', paragraph.strip())


def run(program, folder, arguments):
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob('*.svg'):
        old.unlink()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run([str(program.resolve())] + arguments, cwd=folder, capture_output=True, text=True, check=False,
                          timeout=1800)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f'{program.name} ended with {done.returncode}:\n{done.stdout}{done.stderr}')
    return done.stdout, seconds, after.ru_utime - before.ru_utime


def gallery(out, pictures, programs, all_quick):
    sources = sorted((root / 'examples').glob('*.cpp'))
    sources.sort(key=lambda path: path.stem != 'quick_start')
    pictures.mkdir(parents=True, exist_ok=True)
    rows, sections = [], []
    for source in sources:
        name, program = source.stem, programs / source.stem
        if not program.exists():
            print(f'note: {name} was not built and is not in the gallery')
            continue
        arguments = ['--quick'] if all_quick or name in slow else []
        text, seconds, processor = run(program, pictures.parent / 'runs' / name, arguments)
        print(f'{name}: {seconds:.1f} s')
        code = source.read_text(encoding='utf-8')
        command = ' '.join([name] + arguments)
        rows.append(f'| [{name}](#gallery_{name}) | {about(code).split(". ")[0].rstrip(".").replace(chr(10), " ")} | '
                    f'{seconds:.1f} s |')
        images = ''
        for picture in sorted((pictures.parent / 'runs' / name).glob('*.svg')):
            shutil.copy(picture, pictures / picture.name)
            images += f'<img class="gallery" src="{picture.name}" alt="{picture.stem}, a picture that {name} drew"/>\n'
        lines = text.rstrip().split('\n')
        if len(lines) > 45:
            lines = lines[:30] + [f'... ({len(lines) - 42} lines)'] + lines[-12:]
        sections.append(
            f'## {name} {{#gallery_{name}}}\n\n{about(code)}\n\n'
            f'`{command}`: {seconds:.1f} s by the clock, {processor:.1f} s of processor time.\n\n{images}\n'
            '<details><summary>What it prints</summary>\n\n~~~~~~{.unparsed}\n' + '\n'.join(lines) +
            '\n~~~~~~\n\n</details>\n\n<details><summary>Its code</summary>\n\n~~~~~~{.cpp}\n' + code.rstrip() +
            '\n~~~~~~\n\n</details>\n')
    out.mkdir(parents=True, exist_ok=True)
    (out / 'page_gallery.md').write_text(
        '# Gallery {#page_gallery}\n\n'
        'Every example of the folder `examples`, run when these pages were made, in a default build (`-O3`, no flags for the '
        'processor). Times are of that machine, pictures and numbers of that run. `--quick` is the short form that the '
        'tests run; without it the program does its full work.\n\n'
        '| Program | What it shows | Time |\n|---|---|---|\n' + '\n'.join(rows) + '\n\n' + '\n'.join(sections),
        encoding='utf-8')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('what', choices=['pages', 'gallery'])
    parser.add_argument('--out', required=True, type=pathlib.Path)
    parser.add_argument('--pictures', type=pathlib.Path)
    parser.add_argument('--programs', type=pathlib.Path)
    parser.add_argument('--quick', action='store_true', help='run every example with --quick')
    arguments = parser.parse_args()
    if arguments.what == 'gallery':
        gallery(arguments.out, arguments.pictures, arguments.programs, arguments.quick)
        return
    if not Pages(arguments.out, {'gallery.md': 'page_gallery', 'reference.md': 'page_reference'}).write():
        sys.exit(1)


if __name__ == '__main__':
    main()
