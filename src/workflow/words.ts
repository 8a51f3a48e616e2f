/** Splits text into words as a shell would, with no operator meaning anything (containers contract 2.12.4). */

export type Words =
  | { readonly ok: true; readonly words: readonly string[] }
  | { readonly ok: false; readonly message: string };

/** Quotes group, a backslash takes the next character literally (inside double quotes only `\` `"` `$` and the backtick). */
export function splitWords(text: string): Words {
  const words: string[] = [];
  let word: string | null = null;
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (/\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else if (char === "'") {
      const close = text.indexOf("'", at + 1);
      if (close === -1) return unclosed("'", text);
      word = (word ?? "") + text.slice(at + 1, close);
      at = close;
    } else if (char === '"') {
      const quoted = readDoubleQuoted(text, at + 1);
      if (quoted === null) return unclosed('"', text);
      word = (word ?? "") + quoted.value;
      at = quoted.end;
    } else if (char === "\\" && at + 1 < text.length) {
      word = (word ?? "") + text.charAt(++at);
    } else {
      word = (word ?? "") + char;
    }
  }
  if (word !== null) words.push(word);
  return { ok: true, words };
}

function readDoubleQuoted(text: string, from: number): { value: string; end: number } | null {
  let value = "";
  for (let at = from; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === '"') return { value, end: at };
    if (char === "\\" && '\\"$`'.includes(text.charAt(at + 1)) && at + 1 < text.length) {
      value += text.charAt(++at);
    } else value += char;
  }
  return null;
}

function unclosed(quote: string, text: string): Words {
  const shown = text.length > 60 ? `${text.slice(0, 60)}...` : text;
  return { ok: false, message: `the quote ${quote} is not closed in: ${shown}` };
}
