// SPDX-License-Identifier: MIT
// console-xml.js -- what a person typed, checked before it is sent: a mistake
// in it would end the stream.  Says what is wrong and where.

const NAME = /[A-Za-z_\u00c0-\uffff][\w.\-\u00b7-\uffff]*(?::[A-Za-z_\u00c0-\uffff][\w.\-\u00b7-\uffff]*)?/y;
const BAD = /[\0-\x08\v\f\x0e-\x1f\ufffe\uffff]/;
const ENTITY = /&(?:#(\d+|x[\da-fA-F]+)|(lt|gt|amp|quot|apos));/y;

// {} when src is one stanza, else {text, at, line, column}: at counts UTF-16
// units, as a textarea's selection does; line and column begin with 1.
export function check(src) {
  const stack = [];
  let at = 0, roots = 0;

  const fail = (text, where = at) => {
    const before = src.slice(0, where).split("\n");
    throw { text, at: where, line: before.length, column: [...before.at(-1)].length + 1 };
  };
  const match = (re) => {
    re.lastIndex = at;
    const m = re.exec(src);
    if (m) at = re.lastIndex;
    return m?.[0];
  };
  const blank = () => match(/[ \t\r\n]+/y);
  const entity = () => {
    ENTITY.lastIndex = at;
    const m = ENTITY.exec(src);
    if (!m) fail("& begins one of &lt; &gt; &amp; &quot; &apos; or a number such as &#65;");
    const code = m[1] ? +("0" + m[1]) : 65;
    if (!code || code > 0x10ffff || code >> 11 == 27 || BAD.test(String.fromCodePoint(code)))
      fail("there is no such character");
    at = ENTITY.lastIndex;
  };
  const scope = () => stack.at(-1)?.scope || { __proto__: null, xml: "xml" };

  function tag() {
    const start = at++;
    const name = match(NAME) || fail("a tag begins with a name");
    const seen = new Map(), own = Object.create(scope());
    for (;;) {
      const gap = blank();
      if (src.startsWith("/>", at) || src[at] == ">") break;
      if (at >= src.length) fail(`<${name}> is not finished`, start);
      const where = at;
      if (!gap) fail("a blank stands before an attribute");
      const key = match(NAME) || fail("here an attribute's name, > or /> is missing");
      if (seen.has(key)) fail(`the attribute ${key} is there twice`, where);
      if (src[at] != "=") fail("= and a value in quotes follow an attribute's name");
      at++;
      const quote = src[at];
      if (quote != '"' && quote != "'") fail("a value stands in quotes");
      const from = ++at;
      for (; src[at] != quote; )
        if (at >= src.length) fail("this value is not finished", from - 1);
        else if (src[at] == "<") fail("in a value, < is written &lt;");
        else if (src[at] == "&") entity();
        else at++;
      const value = src.slice(from, at++);
      seen.set(key, where);
      if (key == "xmlns") own[""] = value;
      else if (key.startsWith("xmlns:")) own[key.slice(6)] = value || fail("a prefix cannot mean nothing", where);
    }
    for (const [key, where] of [[name, start + 1], ...seen]) {
      const [prefix, rest] = key.split(":");
      if (rest && prefix != "xmlns" && !own[prefix]) fail(`the prefix ${prefix} is not declared`, where);
    }
    if (!stack.length) {
      if (roots++) fail("one stanza at a time", start);
      if (!own[""] || own[""] == "jabber:client") {
        if (!/^(iq|message|presence)$/.test(name))
          fail(`a stanza is an iq, a message or a presence; <${name}> needs a namespace of its own`, start + 1);
      }
    }
    if (src[at] == "/") at += 2;
    else at++, stack.push({ name, scope: own, start });
    if (stack.length > 100) fail("too many elements inside one another", start);
  }

  try {
    const bad = src.search(BAD);
    if (bad >= 0) fail("a character that XML does not have", bad);
    while (at < src.length) {
      const start = at;
      if (src[at] == "&") {
        if (!stack.length) fail("text stands inside an element");
        entity();
      } else if (src[at] != "<") {
        const words = match(/[^<&]+/y);
        if (!stack.length && words.trim()) fail("text stands inside an element", start + words.search(/\S/));
        if (words.includes("]]>")) fail("]]> is written ]]&gt;", start + words.indexOf("]]>"));
      } else if (/[!?]/.test(src[at + 1])) fail("there are no comments, declarations or instructions in XMPP");
      else if (src[at + 1] == "/") {
        at += 2;
        const name = match(NAME), open = stack.pop();
        if (!open) fail("this ends what never began", start);
        if (name != open.name) fail(`<${open.name}> is open here: </${open.name}> must end it`, start);
        blank();
        if (src[at++] != ">") fail("> is missing", at - 1);
      } else tag();
    }
    if (stack.length) fail(`<${stack.at(-1).name}> is not ended`, stack.at(-1).start);
    if (!roots) fail("there is nothing to send", 0);
    return {};
  } catch (e) {
    if (!e.text) throw e;
    return e;
  }
}
