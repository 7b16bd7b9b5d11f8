import assert from "node:assert/strict";
import { test } from "node:test";
import { cleanSheet, cleanStyle, type CssContext, knowsDark } from "./css.ts";
import { darken } from "./color.ts";

const asked: string[] = [];
const context = (more: Partial<CssContext> = {}): CssContext => ({ picture: (address) => (asked.push(address), null), color: null, dark: false, ...more });
const style = (text: string) => cleanStyle(text, context());
const sheet = (text: string) => cleanSheet(text, context());

test("what mail needs stays", () => {
	assert.equal(style("color: #FF0000; Background:rgb(1,2,3) ; margin:0 auto!important"), "color:#ff0000;background:#010203;margin:0 auto!important;");
	assert.equal(style("font-family: 'Segoe UI', Arial,sans-serif;font-size:14px;line-height:1.5"), 'font-family:"Segoe UI", Arial,sans-serif;font-size:14px;line-height:1.5;');
	assert.equal(style("width:calc(100% - 20px);border:1px solid windowtext;padding:1em 2%"), "width:calc(100% - 20px);border:1px solid #000000;padding:1em 2%;");
	assert.equal(style("background:linear-gradient(90deg, red, hsl(120,100%,25%) 50%)"), "background:linear-gradient(90deg, #ff0000, #008000 50%);");
	assert.equal(sheet("@media only screen and (max-width:600px){ .a > td , a:hover {width:100%!important} }"), "@media only screen and (max-width:600px){.a > td , a:hover{width:100%!important;}}");
	assert.equal(sheet("td[class=\"x\"], p:nth-child(2n+1)::before { color : blue }"), 'td[class="x"], p:nth-child(2n+1)::before{color:#0000ff;}');
});

test("no address gets through, however it is written", () => {
	asked.length = 0;
	const tries = [
		"background:url(http://evil.test/1)", "background-image:URL('http://evil.test/2')", "background:u\\72l(http://evil.test/3)", "background:\\75 rl( \"http://evil.test/4\" )",
		"background:url(http://evil.test/5", "list-style:url(http://evil.test/6)", "list-style-image:url(http://evil.test/7)", "border-image:url(http://evil.test/8)", "content:url(http://evil.test/9)",
		"cursor:url(http://evil.test/10),auto", "background:image-set('http://evil.test/11' 1x)", "background:-webkit-image-set(url(http://evil.test/12) 1x)", "mask:url(http://evil.test/13)",
		"filter:url(http://evil.test/14#x)", "src:url(http://evil.test/15)", "background:image('http://evil.test/16')", "background:cross-fade(url(http://evil.test/17),url(x))", "--x:url(http://evil.test/18);background:var(--x)",
		"background:url(//evil.test/19)", "background:/**/url/**/(http://evil.test/20)", "shape-outside:url(http://evil.test/21)", "clip-path:url(http://evil.test/22)", "behavior:url(http://evil.test/23)",
		"-moz-binding:url(http://evil.test/24)", "background:element(#x)", "background:paint(x)", "background:src('http://evil.test/25')", "background-image:attr(data-x url)", "background:url('http://evil.test/26\\\n27')",
		"font:12px url(http://evil.test/28)", "offset-path:url(http://evil.test/29)", "background:url( http://evil.test/3 0)", "background:URL(http\\3a //evil.test/31)",
	];
	for (const text of tries) {
		const out = style(text);
		assert.doesNotMatch(out, /evil|url|http|image-set|var\(|attr|element|paint|src/i, `${text} -> ${out}`);
		assert.doesNotMatch(sheet(`x{${text}}`), /evil|http/i, text);
	}
	assert.ok(asked.includes("http://evil.test/1") && asked.includes("http://evil.test/3") && asked.includes("//evil.test/19"), "but it is known which there are");
});

test("a picture that was got is shown, and nothing more", () => {
	const shown = (address: string) => cleanStyle("background:#fff url(http://a.test/x.png) no-repeat", context({ picture: () => address }));
	assert.equal(shown("blob:http://mail.test/1-2"), 'background:#ffffff url("blob:http://mail.test/1-2") no-repeat;');
	assert.doesNotMatch(shown('x");} body{background:url("http://evil.test'), /"\);}/);
});

test("nothing reaches out of the letter, runs, or ends the style", () => {
	for (const text of [
		"position:fixed;top:0", "position:absolute", "z-index:9999", "width:expression(alert(1))", "behavior:x", "-moz-binding:x", "animation:x 1s", "transition:all 1s", "transform:scale(9)", "pointer-events:none",
		"height:100vh", "min-height:100dvh", "content:'</style><script>'", "filter:blur(2px)", "background:javascript:alert(1)", "color:red;}</style><script>alert(1)</script>", "width:1e9px", "display:-webkit-box",
	]) assert.doesNotMatch(style(text), /position|z-index|expression|behavior|binding|animation|transition|transform|pointer|vh|content|filter|javascript|script|<|>|}|e9|webkit/i, text);
	assert.equal(style("color:red;position:fixed;margin:1px"), "color:#ff0000;margin:1px;");
});

test("rules of sheets: no imports, no fonts, nothing unknown, and what isn't closed ends", () => {
	assert.equal(sheet("@import url(http://evil.test/a.css); @import 'http://evil.test/b.css';p{margin:0}"), "p{margin:0;}");
	assert.equal(sheet("@charset \"utf-7\";@namespace x url(http://evil.test);@font-face{font-family:x;src:url(http://evil.test/f)}p{margin:0}"), "p{margin:0;}");
	assert.equal(sheet("@keyframes x{from{color:red}} @supports (x:y){p{color:red}} @layer a{p{color:red}} @container (min-width:1px){p{color:red}} p{margin:0}"), "p{margin:0;}");
	assert.equal(sheet("p{margin:0"), "p{margin:0;}");
	assert.equal(sheet("<!-- p{margin:0} -->"), "p{margin:0;}");
	assert.equal(sheet("p:has(a){margin:0} :host{margin:0} p{margin:0} a::part(x){margin:0} @media x{p{margin:0}}"), "p{margin:0;}");
	assert.doesNotMatch(sheet("a[href^='</style><img src=x>']{color:red}"), /<|>/);
	assert.equal(sheet("}}}p{margin:0}"), "p{margin:0;}");
	assert.equal(sheet("p{color:red}".repeat(50_000)), "", "more than the limit is none at all");
	assert.ok(sheet("@media screen{".repeat(5000)).length === 0);
	assert.ok(sheet("a(".repeat(5000)).length === 0);
	assert.equal(cleanStyle("width:" + "calc(".repeat(2000) + "1px", context()), "");
});

test("a dark page answers for the device, and colours are turned", () => {
	const rule = "@media (prefers-color-scheme: dark){p{color:white}}";
	assert.equal(cleanSheet(rule, context({ dark: true })), "@media (min-width:0px){p{color:#ffffff;}}");
	assert.equal(cleanSheet(rule, context({ dark: false })), "@media (max-width:0px){p{color:#ffffff;}}");
	assert.ok(knowsDark(rule) && !knowsDark("p{color:white}"));
	assert.equal(cleanStyle("color:inherit;background:transparent", context({ color: darken })), "color:inherit;background:transparent;");
	assert.match(cleanStyle("color:#000;background:#fff", context({ color: darken })), /^color:#e[a-f0-9]{5};background:#1[a-f0-9]{5};$/);
});

test("whatever comes, what goes out has no bracket that HTML would see, and can be read again", () => {
	let seed = 7;
	const next = (n: number) => (seed = (seed * 48271) % 2147483647) % n;
	const pieces = ["url(", "http://evil.test/", ")", "{", "}", ";", ":", "\\", "\"", "'", "/*", "*/", "@import ", "@media ", "color", "red", "<", ">", "</style>", "(", "[", "]", "\n", "background", "\u0000", "-", "--", "#", "9", "e", "!important", "u\\72 l(", "a"];
	for (let round = 0; round < 3000; round++) {
		const text = Array.from({ length: 1 + next(14) }, () => pieces[next(pieces.length)]).join("");
		for (const out of [style(text), sheet(text)]) {
			assert.doesNotMatch(out, /<|evil|@import/i, JSON.stringify(text));
			assert.equal((out.match(/{/g) ?? []).length, (out.match(/}/g) ?? []).length, JSON.stringify(text));
		}
		assert.equal(sheet(sheet(text)), sheet(text), JSON.stringify(text));
	}
});
