import assert from "node:assert/strict";
import { test } from "node:test";
import type { Card } from "../model/types.ts";
import { addressText, cardOf, formOf, isEmpty, nameOf, sorted } from "./card.ts";

const card: Card = {
	uid: "u1", "vendor.example:x": 7, name: { components: [{ kind: "title", value: "Dr." }, { kind: "given", value: "Ana" }, { kind: "surname", value: "Souza" }], isOrdered: true, full: "Dr. Ana Souza" },
	emails: { e1: { address: "ana@example.com", contexts: { work: true }, pref: 1 }, e2: { address: "a@example.org", label: "old" } },
	phones: { p1: { number: "+351 1", features: { mobile: true } } }, organizations: { o1: { name: "Casa", units: [{ name: "Cozinha" }] } },
	addresses: { a1: { components: [{ kind: "number", value: "5" }, { kind: "name", value: "Rua A" }, { kind: "postcode", value: "1000" }, { kind: "locality", value: "Lisboa" }, { kind: "country", value: "Portugal" }], contexts: { private: true } } },
	anniversaries: { x: { kind: "wedding", date: { year: 2000 } }, b: { kind: "birth", date: { "@type": "PartialDate", month: 5, day: 3 } } }, notes: { n1: { note: "n" } },
};

test("a form that changes nothing changes nothing", () => {
	assert.deepEqual(cardOf(card, formOf(card)), card);
});

test("what is changed is changed, and the rest stays", () => {
	const form = formOf(card);
	form.surname = "Costa";
	form.emails[0]!.value = "ana@example.net";
	form.emails[1]!.place = "private";
	form.phones = [{ key: "", value: "+351 2", place: "work" }];
	form.organization = "Lar";
	form.birthday = "1990-05-03";
	form.note = "";
	const after = cardOf(card, form);
	assert.equal(after.name?.full, "Dr. Ana Costa");
	assert.deepEqual(after.emails, { e1: { address: "ana@example.net", contexts: { work: true }, pref: 1 }, e2: { address: "a@example.org", label: "old", contexts: { private: true } } });
	assert.deepEqual(after.phones, { p2: { number: "+351 2", contexts: { work: true } } });
	assert.deepEqual(after.organizations, { o1: { name: "Lar", units: [{ name: "Cozinha" }] } });
	assert.deepEqual(after.anniversaries, { x: { kind: "wedding", date: { year: 2000 } }, a1: { kind: "birth", date: { "@type": "PartialDate", year: 1990, month: 5, day: 3 } } });
	assert.equal(after["vendor.example:x"], 7);
	assert.ok(!("notes" in after));
	assert.equal(formOf(after).birthday, "1990-05-03");
});

test("a contact is called by what there is", () => {
	assert.equal(nameOf({ name: { components: [{ kind: "given", value: "A" }, { kind: "surname", value: "B" }] } }), "A B");
	assert.equal(nameOf({ organizations: { o: { name: "Casa" } }, emails: { e: { address: "x@y" } } }), "Casa");
	assert.equal(nameOf({ emails: { e: { address: "x@y" } } }), "x@y");
	assert.equal(nameOf({}), "");
	assert.equal(formOf({ name: { full: "Ana Souza" } }).given, "Ana Souza");
	assert.equal(addressText(card.addresses!.a1!), "5 Rua A\n1000 Lisboa\nPortugal");
	assert.ok(isEmpty(formOf({})) && !isEmpty(formOf(card)));
});

test("they stand in the order of the language, by surname", () => {
	const cards = ["Яна", "Ёлкин", "Егоров", "Жуков", ""].map((full) => (full ? { name: { full } } : {}));
	assert.deepEqual(sorted(cards, "ru").map(nameOf), ["Егоров", "Ёлкин", "Жуков", "Яна", ""]);
});
