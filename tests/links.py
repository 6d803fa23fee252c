"""Every link of the documents to a file, and to a heading of one, leads somewhere."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md")]


def prose(document):
    return re.sub(r"^```.*?^```", "", document.read_text(), flags=re.M | re.S)


def anchors(document):
    headings = re.findall(r"^#+ (.*)$", prose(document), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


faults, count = [], 0
for document in DOCUMENTS:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(document)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        count += 1
        if not target.exists() or (anchor and anchor not in anchors(target)):
            faults.append(f"{document.relative_to(ROOT)}: {link} leads nowhere")
print("\n".join(faults) or f"{count} links of {len(DOCUMENTS)} documents lead somewhere")
sys.exit(bool(faults))
