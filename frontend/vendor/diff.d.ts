// The types of the bundle are those of the package it is made of.
export { diffLines, diffWordsWithSpace } from "diff";
