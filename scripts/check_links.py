#!/usr/bin/env python3
"""Checks the links of a folder of HTML pages: files and anchors must be there, external addresses must be well formed.

Usage: scripts/check_links.py DIR
"""
import html.parser
import pathlib
import sys
import urllib.parse


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.links, self.anchors = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        for key in ('id', 'name'):
            if values.get(key):
                self.anchors.add(values[key])
        for key in ('href', 'src'):
            if values.get(key):
                self.links.append((values[key], self.getpos()[0]))


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    pages = {path: Page(path.read_text(encoding='utf-8')) for path in sorted(folder.rglob('*.html'))}
    problems, internal, external = [], 0, 0
    for path, page in pages.items():
        for link, line in page.links:
            where = f'{path.relative_to(folder)}:{line}: {link}'
            parts = urllib.parse.urlsplit(link)
            if parts.scheme in ('http', 'https'):
                external += 1
                if not parts.netloc or any(c.isspace() for c in link):
                    problems.append(f'{where}: not a well formed address')
                continue
            if parts.scheme == 'javascript':
                continue
            if parts.scheme or parts.netloc:
                problems.append(f'{where}: a kind of address that pages should not have')
                continue
            internal += 1
            target = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                problems.append(f'{where}: there is no such file')
            elif parts.fragment and target in pages and urllib.parse.unquote(parts.fragment) not in pages[target].anchors:
                problems.append(f'{where}: there is no such anchor')
    print('\n'.join(problems[:100]))
    print(f'{len(pages)} pages, {internal} internal links, {external} external ones, {len(problems)} problems')
    sys.exit(1 if problems else 0)


if __name__ == '__main__':
    main()
