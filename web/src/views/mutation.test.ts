/* What strangers write (tables and vCards that somebody imports) and what is typed into the search field, changed at random: reading it never throws, ends, and gives no more than was promised. The
 * numbers are made of a seed, so that what is found is found again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Mailbox } from "../jmap/types.ts";
import { withTerm, complete, wordAt } from "./search/operators.ts";
import { COLUMNS_MAX, readCsv, readTable, ROWS_MAX, writeCsv } from "../model/csv.ts";
import { parseSearch, tokenize } from "../model/search_parse.ts";
import { CARDS_MAX, ENTRIES_MAX, nameOf, readVCards, writeVCard } from "../model/vcard.ts";

const SEED = 20261130, ROUNDS = 250;

/** Mulberry32. */
function random(seed: number): (below: number) => number {
	return below => {
		seed = (seed + 0x6d2b79f5) | 0;
		let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) % below;
	};
}

/** Cuts, doubles, swaps and spoils pieces of one or two texts; words that mean something are put in. */
function mutate(texts: readonly string[], words: readonly string[], below: (n: number) => number): string {
	let text = texts[below(texts.length)]!;
	for (let n = below(8); n >= 0; n--) {
		const at = below(text.length + 1), to = Math.min(text.length, at + below(40)), other = texts[below(texts.length)]!;
		switch (below(6)) {
		case 0: text = text.slice(0, at) + text.slice(to); break;
		case 1: text = text.slice(0, to) + text.slice(at); break;
		case 2: text = text.slice(0, at) + words[below(words.length)]! + text.slice(below(2) ? at : to); break;
		case 3: text = text.slice(0, at) + String.fromCharCode(below(3) ? below(0x80) : below(0x10000)) + text.slice(at + below(2)); break;
		case 4: text = text.slice(0, at) + other.slice(below(other.length + 1)); break;
		default: text = text.slice(0, at) + text.slice(at, to).repeat(below(50)) + text.slice(to);
		}
	}
	return text.slice(0, 20_000);
}

const prototypes = ["constructor", "__proto__", "toString", "hasOwnProperty", "valueOf"];
const cards = [
	"BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=C3=B6rg=\r\n;;;\r\nTEL;CELL;PREF:+49 1\r\nEND:VCARD\r\n",
	'BEGIN:VCARD\nVERSION:4.0\nKIND:group\nFN:Team\nUID:u\nADR;TYPE=home;LABEL="Road 1, Town":;;Road 1;Town;;1;\nEMAIL;TYPE="work,pref";PREF=1:a@x\nBDAY:--0412\nNICKNAME:a,b\\,c\nCATEGORIES:a,b\nMEMBER:urn:uuid:1\nPHOTO;ENCODING=b;TYPE=PNG:AAAA\n BBBB\nX-A;B="c^n":d\\n\nEND:VCARD\n',
];
const tables = [
	'Name,Given Name,Family Name,E-mail 1 - Value,Phone 1 - Value,Labels,Birthday,Home Street,Home City\r\n"Anna ""A"" Berg",Anna,Berg,a@x ::: b@y,1 ::: 2,* myContacts ::: x;y,1980-02-29,Road 1,Town\r\n',
	"First Name;Last Name;E-mail Address;Title;Web Page\nBoris;Orlov;b@x;Dr.;https://x.example\n", "Display Name\tPrimary Email\nClara\tc@x\n",
];
const searches = ['from:anna -"two words" (in:inbox OR is:unread) has:attachment', "older_than:3d before:2026-01-31 on:2026 larger:5M label:x header:X=y -(a OR (b c))", 'subject:"a b" on:yesterday newer:2w in:projects/dove'];
const mailboxes = [{ id: "m1", name: "Inbox", role: "inbox", parentId: null }, { id: "m2", name: "Spam", role: "junk", parentId: null }, { id: "m4", name: "Dove", role: null, parentId: "m1" }] as Mailbox[];

/** All that came of a card is text, and of each kind there is no more than that. */
function assertBounded(card: object): void {
	for (const [name, value] of Object.entries(card)) if (value && typeof value === "object" && name !== "vCardProps" && name !== "name") assert.ok(Object.keys(value as object).length <= Math.max(ENTRIES_MAX, 2000), name);
	JSON.stringify(card, (_, value: unknown) => (assert.notEqual(typeof value, "function"), value));
}

test("vCards that were changed at random are read, and what was read is written and read again", () => {
	const below = random(SEED);
	for (let round = 0; round < ROUNDS; round++) {
		const text = mutate(cards, ["BEGIN:VCARD\n", "END:VCARD\n", "TYPE=", "=\n", "\n ", ";QUOTED-PRINTABLE:", ";CHARSET=nothing", "\\", "\ufeff", ...prototypes], below), read = readVCards(text);
		assert.ok(read.length <= Math.min(CARDS_MAX, text.length / 20));
		for (const card of read) {
			assertBounded(card);
			const again = readVCards(writeVCard(card));
			assert.equal(again.length, 1, text);
			assert.equal(typeof nameOf(again[0]!), "string");
		}
	}
});

test("tables that were changed at random are read and written", () => {
	for (const name of prototypes) assert.deepEqual(readCsv(`Name,${name}\nAnna,x\n`).map(nameOf), ["Anna"]);
	const below = random(SEED);
	for (let round = 0; round < ROUNDS; round++) {
		const text = mutate(tables, ["E-mail Address", "Labels", " ::: ", '"', '""', "\r", ";", "\t", "\0", ...prototypes], below), rows = readTable(text), read = readCsv(text);
		assert.ok(rows.length <= ROWS_MAX + 1 && rows.every(row => row.length <= COLUMNS_MAX + 1));
		assert.ok(read.length < Math.max(1, rows.length));
		read.forEach(assertBounded);
		assert.ok(readTable(writeCsv(read)).length >= 1);
	}
});

test("searches that were changed at random are filters that can be asked for", () => {
	const below = random(SEED), labels = [{ keyword: "x", name: "X" }];
	for (let round = 0; round < 2 * ROUNDS; round++) {
		const text = mutate(searches, ["(", ")", " OR ", "-", '"', "older_than:99999999999d", "larger:999999999999999999999", "after:0000-01-01", "before:9999", "is:constructor", "label:__proto__", "in:constructor", ...prototypes], below);
		const parsed = parseSearch(text, { mailboxes, labels, now: Date.UTC(2026, 5, 15) });
		assert.ok(tokenize(text).every(({ start, end }) => start >= 0 && start <= end && end <= text.length));
		let depth = 0, deepest = 0, count = 0;
		const walk = (filter: object | null): void => {
			if (!filter) return;
			count++;
			deepest = Math.max(deepest, ++depth);
			if ("conditions" in filter) (filter.conditions as object[]).forEach(walk);
			else for (const [name, value] of Object.entries(filter)) {
				assert.notEqual(value, undefined, `${text}: ${name}`);
				if (name === "before" || name === "after") assert.match(String(value), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, text);
				if (name === "minSize" || name === "maxSize") assert.ok(Number.isSafeInteger(value), text);
			}
			depth--;
		};
		walk(parsed.filter);
		assert.ok(deepest <= 40 && count <= 3 * text.length + 3, text);
		const cursor = below(text.length + 1), { start, word } = wordAt(text, cursor);
		assert.equal(text.slice(start, cursor), word);
		assert.ok(complete(text, cursor, "from:").text.length <= text.length + 6);
		assert.ok(withTerm(text, "is:unread").includes("is:unread"));
	}
});

test("what is long and of one kind is read in a time that grows with its length", () => {
	const long = 40_000;
	for (const piece of ["a,", "=\r\n", "\n ", ";TYPE=x", '"', "\\,"]) {
		readVCards(`BEGIN:VCARD\nFN:x\nNICKNAME;QUOTED-PRINTABLE:${piece.repeat(long / piece.length)}\nEND:VCARD`);
		readVCards(`BEGIN:VCARD\nFN:x\nCATEGORIES${piece.repeat(long / piece.length)}:x\nEND:VCARD`);
	}
	for (const piece of [";", " ::: a", '"', ",", "\n"]) readCsv(`Name,Labels,Email\nx,"${piece.repeat(long / piece.length)}",${piece.repeat(long / piece.length)}`);
	for (const piece of ["(", ")", "-", '"', "a:", "OR ", "is:read "]) parseSearch(piece.repeat(long / piece.length), { mailboxes, now: 0 });
});
