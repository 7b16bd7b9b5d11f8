/* Contacts, settings, searching, completion, long lists, snoozing, identities and the rest. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AccountOf } from "../../src/model/account.ts";
import { replay } from "../../src/worker/replay.ts";
import { get } from "../../src/base/store.ts";
import type { Account, Id } from "../../src/model/types.ts";
import { deliver, Device, eventually, see, value } from "./device.ts";

/** Puts many messages into a mailbox, oldest first. */
async function fill(account: Account, mailbox: Id, count: number, from = 0): Promise<void> {
	const { client } = (account as AccountOf).engine, text = (at: number) => `From: a@else.example\r\nSubject: number ${at}\r\nMessage-ID: <n${at}@else.example>\r\n\r\nbody ${at}\r\n`;
	for (let at = 0; at < count; at += 100) {
		const here = Array.from({ length: Math.min(100, count - at) }, (_, i) => from + at + i);
		const blobs = value(await client.call(account.id, "Blob/upload", { create: Object.fromEntries(here.map(one => [`b${one}`, { data: [{ "data:asText": text(one) }], type: "message/rfc822" }])) })).created!;
		value(await client.call(account.id, "Email/import", { emails: Object.fromEntries(here.map(one => [`e${one}`, { blobId: blobs[`b${one}`]!.id, mailboxIds: { [mailbox]: true as const }, receivedAt: new Date(Date.UTC(2026, 0, 1) + one * 60_000).toISOString().replace(".000", "") }])) }));
	}
}

test("contacts are kept, found, grouped, imported and exported, here and there", async () => {
	const here = new Device(), there = new Device(), a = await here.signIn(), b = await there.signIn();
	value(await a.contacts.load());
	value(await b.contacts.load());
	const id = value(await a.contacts.save({ name: { full: "Zoë Berg" }, emails: { 1: { address: "zoe@else.example" } } }));
	await see(b.contacts, cards => cards.some(card => card.id === id));
	assert.equal(b.contacts.find("zoe ber")[0]!.id, id);
	assert.equal(b.addresses.find("ZOE@else.example")!.id, id);
	const card = b.contacts.byId(id)!;
	value(await b.contacts.save({ ...card, notes: { 1: { note: "met in May" } } }));
	await see(a.contacts, () => a.contacts.find("may").length === 1);
	const done = value(await a.contacts.importText("BEGIN:VCARD\nVERSION:3.0\nUID:x1\nFN:Ivo Dove\nEMAIL:ivo@else.example\nX-ODD:1\nEND:VCARD\nBEGIN:VCARD\nVERSION:3.0\nUID:x2\nFN:Una\nEND:VCARD"));
	assert.deepEqual(done, { created: 2, replaced: 0, failed: [] });
	assert.deepEqual(value(await a.contacts.importText("BEGIN:VCARD\nVERSION:3.0\nUID:x1\nFN:Ivo Dove II\nEND:VCARD")), { created: 0, replaced: 1, failed: [] });
	assert.equal(a.contacts.find("ivo")[0]!.emails, undefined);
	assert.match(a.contacts.export("vcard"), /FN:Ivo Dove II/);
	assert.match(a.contacts.export("csv"), /Zoë Berg/);
	const group = value(await a.contacts.saveGroup("Team", [card.uid!, "x1"]));
	assert.deepEqual(Object.keys(a.contacts.byId(group)!.members!).sort(), [card.uid!, "x1"].sort());
	assert.deepEqual(a.addresses.complete("team")[0]!.members, [{ name: "Zoë Berg", email: "zoe@else.example" }]);
	value(await a.contacts.destroy([group]));
	await see(b.contacts, cards => !cards.some(one => one.kind === "group"));
});

test("settings follow the person, and two devices don't undo each other's", async () => {
	const here = new Device(), there = new Device(), a = await here.signIn(), b = await there.signIn();
	a.settings.change({ theme: "dark" });
	await see(b.settings, one => one.theme === "dark");
	a.settings.change({ density: "compact" });
	b.settings.change({ undoSend: 20, labels: [{ keyword: "work", name: "Work", color: "red" }] });
	for (const account of [a, b]) await see(account.settings, one => one.density === "compact" && one.undoSend === 20 && one.labels.length === 1 && one.theme === "dark");
	assert.deepEqual(get(a.contacts).filter(card => card.kind === "application"), []);
	here.cut();
	a.settings.change({ theme: "light" });
	const again = await here.restart();
	await see(again.settings, one => one.theme === "light" && one.undoSend === 20);
	here.mend();
	await see(b.settings, one => one.theme === "light");
});

test("a list of thousands is loaded where one looks, and stays in place when mail arrives", async () => {
	const device = new Device(), account = await device.signIn(), box = value(await account.mailboxes.create("Long"));
	await fill(account, box, 2000);
	const list = account.list({ filter: { inMailbox: box } });
	await see(list, view => view.total === 2000 && view.at(0)?.email.subject === "number 1999");
	assert.equal(get(list).at(1000), undefined);
	list.show(1000, 1020);
	await see(list, view => view.at(1000)?.email.subject === "number 999" && view.at(1020));
	let shifted = 0;
	const end = list.subscribe(view => (shifted += view.shift));
	const { client } = (account as AccountOf).engine, other = new Device(), b = await other.signIn();
	await fill(b, box, 1, -50); // the oldest: nothing above moves
	await see(list, view => view.total === 2001 && view.at(1000)?.email.subject === "number 999");
	assert.equal(shifted, 0);
	const blob = value(await client.call(account.id, "Blob/upload", { create: { b: { data: [{ "data:asText": "Subject: newest\r\nMessage-ID: <newest@x>\r\n\r\nx" }] } } })).created!["b"]!.id;
	value(await client.call(account.id, "Email/import", { emails: { e: { blobId: blob, mailboxIds: { [box]: true } } } }));
	await see(list, view => view.total === 2002);
	await see(list, view => view.indexOf(view.at(1001)?.id ?? "") === 1001 && view.at(1001)?.email.subject === "number 999");
	assert.equal(shifted, 1);
	end();
	assert.equal(value(await list.ids(0, 2001)).length, 2002);
	const act = account.acts.read(value(await list.ids(0, 2001)));
	assert.equal((await account.acts.settled(act.id)).state, "done");
	await see(account.mailboxes.all, () => account.mailboxes.byId(box)!.unreadEmails === 0);
	account.acts.undo(act.id);
	await see(account.mailboxes.all, () => account.mailboxes.byId(box)!.unreadEmails === 2002);
	list.close();
});

test("searching as one types: the last answer counts, with what was found marked", async () => {
	const device = new Device(), account = await device.signIn();
	await deliver("about pigeons", { text: "A dove flies home. <b>Not bold</b>" });
	await deliver("about cats", { text: "No bird here." });
	await eventually(async () => { account.search.type("dov"); account.search.type("dove"); const view = await see(account.search, one => one.state === "ready" && one.text === "dove"); return view.list && get(view.list).total === 1; }, "one hit");
	const hit = get(get(account.search).list!).at(0)!;
	assert.equal(hit.email.subject, "about pigeons");
	const snippet = value(await account.search.snippets([hit.id])).get(hit.id)!;
	assert.ok(snippet.preview!.some(piece => piece.mark && piece.text.toLowerCase() === "dove"));
	account.search.type("subject:about is:unread");
	await see(account.search, view => view.text.startsWith("subject") && view.list && get(view.list).total === 2);
	assert.ok(get(account.search).facets.some(facet => facet.add === "from:boris@else.example"));
	account.search.remember("dove");
	assert.deepEqual(get(account.search.recent), ["dove"]);
	account.search.clear();
	assert.equal(get(account.search).state, "idle");
});

test("what sleeps is out of the way, and back unchanged when it is undone", async () => {
	const device = new Device(), account = await device.signIn();
	if (!(account as AccountOf).engine.snoozes) return;
	await deliver("sleeper");
	const list = account.list({ filter: { inMailbox: account.mailboxes.byRole("inbox")!.id } });
	const view = await see(list, one => one.at(0)?.email.subject === "sleeper"), { id } = view.at(0)!;
	await account.acts.settled(account.acts.read([id]).id);
	const act = account.acts.snooze([id], new Date(Date.now() + 86_400_000));
	await see(list, one => one.indexOf(id) < 0);
	assert.equal((await account.acts.settled(act.id)).state, "done");
	const head = account.messages.email(id);
	await see(head, one => one?.snoozed?.until && one.mailboxIds[account.mailboxes.byRole("snoozed")?.id ?? ""]);
	await account.acts.settled(account.acts.undo(act.id)!.id);
	await account.refresh();
	await see(list, one => one.indexOf(id) >= 0);
	await see(head, one => one && !one.snoozed && one.keywords["$seen"]);
	list.close();
});

test("who was written to is offered, the often and lately first", async () => {
	const device = new Device(), account = await device.signIn(), { client } = (account as AccountOf).engine, sent = value(await account.mailboxes.need("sent"));
	for (const [at, to] of ["rare@else.example", "Rita <often@else.example>", "often@else.example"].entries()) {
		const blob = value(await client.call(account.id, "Blob/upload", { create: { b: { data: [{ "data:asText": `To: ${to}\r\nSubject: x\r\nMessage-ID: <s${at}@x>\r\n\r\nx` }] } } })).created!["b"]!.id;
		value(await client.call(account.id, "Email/import", { emails: { e: { blobId: blob, mailboxIds: { [sent.id]: true } } } }));
	}
	await account.addresses.load();
	assert.deepEqual(account.addresses.complete("else").map(one => [one.name, one.email]).filter(([, email]) => email!.startsWith("r") || email!.startsWith("o")), [["Rita", "often@else.example"], ["", "rare@else.example"]]);
	assert.equal(account.addresses.complete("rit")[0]!.email, "often@else.example");
});

test("identities, the answer while away, and quotas", async () => {
	const here = new Device(), there = new Device(), a = await here.signIn(), b = await there.signIn();
	const [own] = await see(a.identities, list => list.length > 0);
	value(await a.identities.save({ id: own!.id, name: "Anna B.", textSignature: "Anna" }));
	await see(b.identities, list => list[0]?.textSignature === "Anna");
	const refused = await a.identities.save({ name: "x", email: "stranger@else.example" });
	assert.equal(refused.ok, false);
	value(await a.vacation.save({ isEnabled: true, subject: "away", textBody: "back soon" }));
	await see(b.vacation, one => one?.isEnabled && one.textBody === "back soon");
	value(await b.vacation.save({ isEnabled: false }));
	await see(a.vacation, one => one && !one.isEnabled);
	await see(a.quotas, list => Array.isArray(list));
});

test("what waits is sent by the worker when no page is open", async () => {
	const device = new Device(), account = await device.signIn();
	await deliver("for the worker");
	const list = account.list({ filter: { inMailbox: account.mailboxes.byRole("inbox")!.id } }), view = await see(list, one => one.at(0)?.email.subject === "for the worker");
	device.cut();
	account.acts.star([view.at(0)!.id]);
	const draft = account.drafts.create({ to: [{ name: "", email: "boris@example.test" }], subject: "by the worker", text: "x" });
	await account.refresh();
	value(await draft.send({ undoSeconds: 0 }));
	device.close();
	assert.equal(await replay(device.host), false);
	device.platform.online = true;
	assert.equal(await replay(device.host), true);
	const other = new Device(), boris = await other.signIn("boris"), inbox = boris.list({ filter: { inMailbox: boris.mailboxes.byRole("inbox")!.id } });
	await see(inbox, one => one.at(0)?.email.subject === "by the worker");
	inbox.close();
});
