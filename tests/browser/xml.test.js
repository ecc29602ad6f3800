// SPDX-License-Identifier: MIT
// The XML that the worker reads and writes.

import assert from "node:assert/strict";
import { test } from "./harness.js";
import { esc, kid, parse, text, xml } from "../../web/xml.js";

const plainly = (s) => structuredClone(parse(s)); // as a port hands it on

test("xml: a stanza becomes a tree with namespaces", () => {
  const e = plainly('<a xmlns="one" k="&lt;&#x41;&#66;"><p:b xmlns:p="two" p:z=\'1\'>x &amp; y</p:b><c xmlns=""/>t</a>');
  assert.deepEqual(e, { n: "a", ns: "one", a: { k: "<AB" }, c: [
    { n: "b", ns: "two", a: { "p:z": "1" }, c: ["x & y"] }, { n: "c", ns: "", a: {}, c: [] }, "t"] });
  assert.equal(text(e), "x & yt");
  assert.equal(kid(e, "b").ns, "two");
  assert.equal(kid(e, "b", "c"), undefined);
});

test("xml: what is not well-formed is refused", () => {
  for (const s of ["", "x", "<a>", "</a>", "<a></b>", "<a/><b/>", "<a/>x", "<a b=1/>", "<a b='1' b='2'/>",
    "<a b='<'/>", "<a>&nbsp;</a>", "<a>&</a>", "<a>&#0;</a>", "<a>&#xD800;</a>", "<a>&#x110000;</a>",
    "<a>\u0001</a>", "<p:a/>", "<a p:b='1'/>", "<!DOCTYPE a><a/>", "<a><!-- --></a>", "<?xml version='1.0'?><a/>",
    "<a><?p ?></a>", "<a", "<a b='1'c='2'/>", "<1/>", "<a></a b='1'>", "<a>&constructor;</a>",
    "<a>".repeat(300) + "</a>".repeat(300)])
    assert.throws(() => parse(s), undefined, JSON.stringify(s));
});

test("xml: attributes named like an object's own do no harm", () => {
  const e = parse('<a constructor="1" hasOwnProperty="2" toString="3"/>');
  assert.deepEqual({ ...e.a }, { constructor: "1", hasOwnProperty: "2", toString: "3" });
  parse('<a __proto__="4"/>');
  assert.equal({}.x, undefined);
});

test("xml: what is escaped reads back the same", () => {
  const s = "<a b=\"c\" d='e'>&amp;\n\t\r\u00e9\u{1f4da}]]>";
  assert.equal(text(parse(`<x>${esc(s)}</x>`)), s);
  assert.equal(parse(xml`<x y="${s.replace(/\s/g, "")}"/>`).a.y, s.replace(/\s/g, ""));
  assert.equal(esc("a\u0000\u000b\uffffb"), "ab");
  assert.equal(xml`<a>${["<b/>", "<c/>"]}${"<"}</a>`, "<a><b/><c/>&#60;</a>");
});

test("xml: a long frame is read in linear time", () => {
  const start = Date.now();
  parse("<a>" + '<b c="d" e="f">g</b>'.repeat(50000) + "</a>");
  assert.throws(() => parse("<a " + "b ".repeat(50000)));
  assert.throws(() => parse("<a " + "b='c' ".repeat(20000)));
  assert.ok(Date.now() - start < 3000);
});
