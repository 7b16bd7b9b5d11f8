import assert from "node:assert/strict";
import { test } from "node:test";
import { readCsv, readTable, writeCsv } from "./csv.ts";
import { plain } from "./contacts.ts";
import { nameOf, readVCards, writeVCard } from "./vcard.ts";

test("a vCard 2.1 of an old phone", () => {
	const [card] = readVCards("BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=C3=B6rg=\r\n;;;\r\nTEL;CELL;PREF:+49 1\r\nEMAIL;INTERNET:j@x.example\r\nEND:VCARD\r\n");
	assert.equal(nameOf(card!), "Jörg Müller");
	assert.deepEqual(Object.values(card!.phones!), [{ "@type": "Phone", number: "+49 1", features: { mobile: true }, pref: 1 }]);
	assert.equal(Object.values(card!.emails!)[0]!.address, "j@x.example");
});

test("vCards 3.0 and 4.0 there and back", () => {
	const text = "BEGIN:VCARD\nVERSION:3.0\nFN:Anna Berg\nN:Berg;Anna;Maria;Dr.;\nUID:u1\nitem1.EMAIL;TYPE=work,pref:a@x.example\nitem1.X-ABLabel:office\nORG:Dove\\, Ltd;Research\nADR;TYPE=home:;;Road 1;Town;;12345;Land\nBDAY:1980-02-29\nNOTE:one\\ntwo\nCATEGORIES:a,b\nX-SOCIAL;TYPE=x:some\\,thing\nPHOTO;ENCODING=b;TYPE=PNG:AAAA\nEND:VCARD\n";
	const [card] = readVCards(text);
	assert.deepEqual(card!.name!.components!.map(one => one.kind), ["surname", "given", "given2", "title"]);
	assert.deepEqual(Object.values(card!.organizations!)[0], { "@type": "Organization", name: "Dove, Ltd", units: [{ name: "Research" }] });
	assert.deepEqual(Object.values(card!.emails!)[0], { "@type": "EmailAddress", address: "a@x.example", contexts: { work: true }, pref: 1 });
	assert.equal(Object.values(card!.media!)[0]!.uri, "data:image/png;base64,AAAA");
	const [again] = readVCards(writeVCard(card!)), same = (one: typeof card) => ({ ...one, media: null, vCardProps: one!["vCardProps"] });
	assert.deepEqual(same(again), { ...same(card), vCardProps: [["x-social", { type: "x" }, "unknown", "some,thing"]] });
	for (const line of writeVCard({ ...card!, notes: { 1: { note: "é".repeat(300) } } }).split("\r\n")) assert.ok(new TextEncoder().encode(line).length <= 75);
});

test("groups, and files that are none", () => {
	const [group] = readVCards("BEGIN:VCARD\nVERSION:4.0\nKIND:group\nFN:Team\nMEMBER:urn:uuid:1\nMEMBER:urn:uuid:2\nEND:VCARD");
	assert.deepEqual(Object.keys(group!.members!), ["urn:uuid:1", "urn:uuid:2"]);
	assert.match(writeVCard(group!), /MEMBER:urn:uuid:1\r\n/);
	assert.deepEqual(readVCards("BEGIN:VCARD\nEND:VCARD\nnothing\n;:\nBEGIN:VCARD\nFN:cut off"), []);
	assert.equal(readVCards(`BEGIN:VCARD\nFN:x\n${";=\"".repeat(50_000)}:\nEND:VCARD`).length, 1);
});

test("nobody writes a line of his own into a file", () => {
	const written = writeVCard({ uid: "a\r\nEMAIL:evil@x.example", name: { full: "b\r\nTEL:1" }, emails: { 1: { address: "c\nNOTE:d" } } });
	assert.deepEqual(written.split("\r\n").map(line => line.split(":")[0]), ["BEGIN", "VERSION", "FN", "UID", "EMAIL", "END", ""]);
	assert.match(writeCsv([{ name: { full: "=HYPERLINK(\"x\")" } }]), /'=HYPERLINK/);
});

test("tables of Google, Outlook and Thunderbird", () => {
	const [google] = readCsv("Name,Given Name,Family Name,E-mail 1 - Value,Phone 1 - Value,Organization 1 - Name,Group Membership\nAnna Berg,Anna,Berg,a@x.example ::: b@x.example,+1 2,Dove,* myContacts ::: Friends\n");
	assert.deepEqual(Object.values(google!.emails!).map(one => one.address), ["a@x.example", "b@x.example"]);
	assert.deepEqual(google!.keywords, { Friends: true });
	const [outlook] = readCsv('\uFEFF"Title","First Name","Last Name","Company","Job Title","Business Phone","E-mail Address","Home City"\r\n"Dr.","Jan","O""Neil","A, B","Boss","123","j@x.example","Town"\r\n');
	assert.equal(nameOf(outlook!), "Jan O\"Neil");
	assert.deepEqual(Object.values(outlook!.phones!)[0], { "@type": "Phone", number: "123", contexts: { work: true } });
	assert.deepEqual(Object.values(outlook!.addresses!)[0]!.components, [{ kind: "locality", value: "Town" }]);
	const [thunderbird] = readCsv("First Name;Last Name;Display Name;Primary Email\nZoë;Y;Zoë Y;z@x.example");
	assert.equal(nameOf(thunderbird!), "Zoë Y");
	assert.deepEqual(readCsv("a,b\n1,2"), []);
	assert.deepEqual(readTable('a,"b\r\nc",d\r\n\r\n1'), [["a", "b\r\nc", "d"], ["1"]]);
	const [again] = readCsv(writeCsv([google!]));
	assert.deepEqual([nameOf(again!), Object.values(again!.emails!).length, again!.keywords], ["Anna Berg", 2, { Friends: true }]);
	assert.equal(plain("Zoë ÉÈ"), "zoe ee");
});
