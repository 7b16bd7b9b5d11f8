import assert from "node:assert/strict";
import { test } from "node:test";
import { readText, TEXT_MAX } from "./previews.ts";

const bytes = (...list: number[]) => new Uint8Array(list).buffer;

test("texts that are attached are read in their charset", () => {
	assert.equal(readText(bytes(0xcf, 0xf0, 0xe8), "windows-1251", "en"), "При");
	assert.equal(readText(bytes(0xd0, 0x9f), null, "en"), "П");
	assert.equal(readText(bytes(0xcf, 0xf0, 0xe8), null, "ru"), "При");
	assert.equal(readText(bytes(0x6f, 0xe3), "us-ascii", "pt"), "oã");
	assert.equal(readText(bytes(0x6f, 0xe3), "no-such-charset", "pt"), "oã");
	assert.equal(readText(bytes(0xef, 0xbb, 0xbf, 0x61), null, "en"), "a");
	assert.equal(readText(new TextEncoder().encode("x".repeat(TEXT_MAX + 9)).buffer as ArrayBuffer, null, "en").length, TEXT_MAX);
});
