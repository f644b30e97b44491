package emit

// Header is what every rendered file begins with, so that a reader knows where to edit and writ knows its own files again.
const Header = headerPrefix + "from policies/; do not edit. To change it: edit policies/, then run `writ build`.\n"

// headerPrefix is the part of Header that never changes: what an older or a newer writ rendered is still recognised, and so
// is a file whose line ends git converted.
const headerPrefix = "# Rendered by writ "

// attributesPath is the one file of ours without the header: git's attributes take no comment behind a pattern.
const attributesPath = ".gitattributes"

// attributes makes code hosts fold the rendered files in the diff of a pull request
// (https://docs.github.com/en/repositories/working-with-files/managing-files/customizing-how-changed-files-appear-on-github).
const attributes = "** linguist-generated=true\n"
