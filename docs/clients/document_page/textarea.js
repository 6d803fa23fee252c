/** A textarea shows no carriage return, so it would count one character less. */
const shown = (string) => string.replaceAll("\r", "␍");
const isHalf = (string, at) => /[\ud800-\udbff]/.test(string[at - 1] ?? "") && /[\udc00-\udfff]/.test(string[at] ?? "");

/** Binds a textarea to a Y.Text: what is typed is a change of just that, and others' changes leave the caret where it is. */
export function bind(area, text) {
  area.value = shown(text.toString());
  area.addEventListener("input", () => {
    const [before, after] = [shown(text.toString()), area.value];
    // What stands behind the caret was not typed: so "a" typed within "aaa" is the one that was typed.
    let same = 0;
    while (same < after.length - area.selectionEnd && before.at(-same - 1) === after.at(-same - 1) && same < before.length) same++;
    while (isHalf(before, before.length - same) || isHalf(after, after.length - same)) same--;
    const most = Math.min(before.length, after.length) - same;
    let start = 0;
    while (start < most && before[start] === after[start]) start++;
    while (isHalf(before, start) || isHalf(after, start)) start--;
    text.doc.transact(() => {
      text.delete(start, before.length - same - start);
      text.insert(start, after.slice(start, after.length - same));
    }, area);
  });
  text.observe(({ delta, transaction }) => {
    if (transaction.origin === area) return;
    let at = 0;
    for (const { retain = 0, insert = "", delete: gone = 0 } of delta) {
      if (insert || gone) area.setRangeText(shown(insert), at, at + gone, "preserve");
      at += retain + insert.length;
    }
  });
}
