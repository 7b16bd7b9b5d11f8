import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { makeQr } from "./qr.ts";

function hash(text: string): string | null {
	const code = makeQr(text);
	return code && createHash("sha256").update(code.map((row) => row.map((dark) => (dark ? 1 : 0)).join("")).join("\n")).digest("hex").slice(0, 16);
}

test("QR codes are as readers have read them", () => {
	assert.equal(hash("https://mail.example.test/"), "2acb10ee325a887c"); // version 2
	assert.equal(hash("x".repeat(107)), "f461d081f0015b88"); // version 7, which says its number
	assert.equal(hash("x".repeat(213)), "f8a692e420006d88"); // version 10, blocks of two sizes
});

test("what is too long for a QR code is none", () => {
	assert.equal(makeQr("x".repeat(214)), null);
	assert.equal(makeQr("ж".repeat(107)), null);
});
