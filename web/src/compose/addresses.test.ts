import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAddress, parseAddresses, without } from "./addresses.ts";

const emails = (text: string) => parseAddresses(text).map(({ address }) => address && [address.name, address.email]);

test("lists are read as people type and paste them", () => {
	assert.deepEqual(emails("anna@example.com"), [[null, "anna@example.com"]]);
	assert.deepEqual(emails('Anna Silva <anna@example.com>, "Costa, João" <joao@example.com>; mailto:x@example.org\n'), [
		["Anna Silva", "anna@example.com"], ["Costa, João", "joao@example.com"], [null, "x@example.org"],
	]);
	assert.deepEqual(emails("Анна Петрова anna@пример.рф"), [["Анна Петрова", "anna@пример.рф"]]);
	assert.deepEqual(emails('"a \\"b\\" c" <q@example.com>'), [['a "b" c', "q@example.com"]]);
	assert.deepEqual(emails("<anna@example.com>,,;"), [[null, "anna@example.com"]]);
	assert.deepEqual(emails('"john doe"@example.com'), [[null, '"john doe"@example.com']]);
});

test("what is no address stays, as it was typed", () => {
	assert.deepEqual(parseAddresses("anna, b@c@d, <x>"), [
		{ text: "anna", address: null }, { text: "b@c@d", address: null }, { text: "<x>", address: null },
	]);
	assert.deepEqual(parseAddresses("  "), []);
});

test("what is shown can be read again", () => {
	for (const address of [
		{ name: null, email: "a@example.com" }, { name: "Anna", email: "a@example.com" }, { name: 'Silva, "Nana" \\', email: "a@example.com" },
		{ name: "Ольга О'Нил-Смит", email: "o@example.com" }, { name: "<evil@example.com>", email: "a@example.com" },
	]) assert.deepEqual(parseAddresses(formatAddress(address))[0]?.address, address);
});

test("nobody stands in a list twice", () => {
	const list = ["A@example.com", "b@example.com", "a@EXAMPLE.com", "c@example.com"].map((email) => ({ name: null, email }));
	assert.deepEqual(without(list, ["B@example.com"]).map(({ email }) => email), ["A@example.com", "c@example.com"]);
});
