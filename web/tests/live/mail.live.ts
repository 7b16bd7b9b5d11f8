/* Mailboxes, lists, acts, several devices, and what happens when the network or the server goes away. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Account, List, Row } from "../../src/model/types.ts";
import { get } from "../../src/base/store.ts";
import type { AccountOf } from "../../src/model/account.ts";
import type { MemoryDatabases } from "../../src/model/database.ts";
import { control, deliver, Device, eventually, see, value } from "./device.ts";

const subjects = (list: List): (string | null)[] => {
	const view = get(list);
	return Array.from({ length: view.total ?? 0 }, (_, at) => view.at(at)?.email.subject ?? null);
};
const rowOf = (list: List, subject: string): Row | undefined => {
	const view = get(list);
	return Array.from({ length: view.total ?? 0 }, (_, at) => view.at(at)).find(row => row?.email.subject === subject);
};
const inbox = (account: Account): List => account.list({ filter: { inMailbox: account.mailboxes.byRole("inbox")!.id } });

test("a wrong password is told, the right one opens mailboxes and list", async () => {
	const device = new Device();
	const wrong = await device.app.signIn("anna@example.test", "no");
	assert.equal(!wrong.ok && wrong.error.kind, "wrong");
	const account = await device.signIn();
	const tree = await see(account.mailboxes, one => one.length > 0);
	assert.equal(tree[0]!.mailbox.role, "inbox");
	await deliver("first");
	const list = inbox(account);
	await see(list, () => subjects(list).includes("first"));
	const row = rowOf(list, "first")!;
	assert.equal(row.unread, true);
	const message = value(await account.messages.read(row.id));
	assert.equal(message.bodyValues[message.textBody[0]!.partId!]!.value.trim(), "Some text.");
	list.close();
	device.close();
});

test("what arrives shows by itself, and an answer joins its thread", async () => {
	const device = new Device(), account = await device.signIn(), list = inbox(account);
	await see(list, view => view.state === "ready");
	await deliver("thread", { id: "one@else.example" });
	await see(list, () => subjects(list)[0] === "thread");
	await deliver("between");
	await see(list, () => subjects(list)[0] === "between");
	await deliver("Re: thread", { reply: "one@else.example" });
	await see(list, () => rowOf(list, "Re: thread")?.emails.length === 2);
	assert.deepEqual(subjects(list).filter(one => one === "thread"), []);
	const thread = account.messages.thread(rowOf(list, "Re: thread")!.threadId);
	await see(thread, view => view.state === "ready" && view.emails.length === 2);
	list.close();
	device.close();
});

test("acts show at once, reach another device, and are taken back exactly", async () => {
	const here = new Device(), there = new Device(), a = await here.signIn(), b = await there.signIn();
	await deliver("acted on");
	const la = inbox(a), lb = inbox(b);
	await see(la, () => rowOf(la, "acted on"));
	await see(lb, () => rowOf(lb, "acted on"));
	await a.refresh();
	const { id } = rowOf(la, "acted on")!, unread = a.mailboxes.byRole("inbox")!.unreadThreads;
	const act = a.acts.read([id]);
	assert.equal(act.state, "waiting");
	await see(la, () => rowOf(la, "acted on")?.unread === false);
	await see(a.mailboxes.all, () => a.mailboxes.byRole("inbox")!.unreadThreads === unread - 1);
	await see(lb, () => rowOf(lb, "acted on")?.unread === false);
	assert.equal((await a.acts.settled(act.id)).state, "done");
	assert.equal(a.mailboxes.byRole("inbox")!.unreadThreads, unread - 1);
	const moved = a.acts.archive([id]);
	await see(la, () => !rowOf(la, "acted on"));
	await see(lb, () => !rowOf(lb, "acted on"));
	assert.equal((await a.acts.settled(moved.id)).state, "done");
	b.acts.star([id]);
	const archived = a.list({ filter: { inMailbox: a.mailboxes.byRole("archive")!.id } });
	await see(archived, () => rowOf(archived, "acted on")?.starred);
	a.acts.undo(moved.id);
	await see(la, () => rowOf(la, "acted on")?.starred); // the star that another device gave it stays
	await see(lb, () => rowOf(lb, "acted on")?.starred);
	await see(archived, () => !rowOf(archived, "acted on"));
	for (const list of [la, lb, archived]) list.close();
	here.close();
	there.close();
});

test("what is refused is rolled back", async () => {
	const device = new Device(), account = await device.signIn(), list = inbox(account);
	await deliver("stays");
	await see(list, () => rowOf(list, "stays"));
	const { id } = rowOf(list, "stays")!, act = account.acts.move([id], "m999999");
	await see(list, () => !rowOf(list, "stays"));
	const settled = await account.acts.settled(act.id);
	assert.equal(settled.state, "refused");
	assert.equal(settled.error?.kind, "refused");
	await see(list, () => rowOf(list, "stays"));
	list.close();
	device.close();
});

test("what is undone isn't done, however soon that is said", async () => {
	const device = new Device(), account = await device.signIn(), list = inbox(account);
	await deliver("undone");
	await see(list, () => rowOf(list, "undone"));
	const { id } = rowOf(list, "undone")!;
	for (let turns = 0; turns < 16; turns++) {
		const act = account.acts.archive([id]);
		for (let i = 0; i < turns; i++) await Promise.resolve();
		account.acts.undo(act.id);
		await see(account.connection, state => state.pending === 0);
		await account.refresh();
		assert.ok(rowOf(list, "undone"), `after ${turns} turns`);
	}
	list.close();
	device.close();
});

test("offline acts wait, survive a restart, and are replayed", async () => {
	const device = new Device(), account = await device.signIn(), list = inbox(account);
	await deliver("offline 1");
	await deliver("offline 2");
	await see(list, () => rowOf(list, "offline 1") && rowOf(list, "offline 2"));
	const one = rowOf(list, "offline 1")!.id, two = rowOf(list, "offline 2")!.id;
	value(await account.messages.read(one));
	await new Promise(resolve => setTimeout(resolve, 1200)); // what was seen is on the device then
	device.cut();
	account.acts.star([one]);
	account.acts.trash([two]);
	await see(list, () => rowOf(list, "offline 1")?.starred && !rowOf(list, "offline 2"));
	await see(account.connection, state => state.pending === 2);
	const again = await device.restart(), kept = inbox(again);
	await see(again.connection, state => state.pending === 2);
	await see(kept, () => rowOf(kept, "offline 1")?.starred && !rowOf(kept, "offline 2"));
	assert.equal(value(await again.messages.read(one)).subject, "offline 1");
	device.mend();
	await see(again.connection, state => state.pending === 0 && state.state === "online");
	const other = new Device(), b = await other.signIn(), lb = inbox(b);
	await see(lb, () => rowOf(lb, "offline 1")?.starred);
	assert.equal(rowOf(lb, "offline 2"), undefined);
	lb.close();
	device.close();
	other.close();
});

test("destroyed mail can be had back for a while, and then is gone", async () => {
	const device = new Device(), account = await device.signIn(), list = inbox(account);
	await deliver("destroyed");
	await see(list, () => rowOf(list, "destroyed"));
	const { id } = rowOf(list, "destroyed")!, first = account.acts.destroy([id]);
	await see(list, () => !rowOf(list, "destroyed"));
	account.acts.undo(first.id);
	await see(list, () => rowOf(list, "destroyed"));
	const second = account.acts.destroy([id]);
	assert.equal((await account.acts.settled(second.id)).state, "done");
	const gone = await account.messages.read(id);
	assert.equal(gone.ok, false);
	assert.equal(rowOf(list, "destroyed"), undefined);
	list.close();
	device.close();
});

test("junk is moved and marked, and comes back", async () => {
	const device = new Device(), account = await device.signIn(), list = inbox(account);
	await deliver("rubbish");
	await see(list, () => rowOf(list, "rubbish"));
	const { id } = rowOf(list, "rubbish")!;
	await account.acts.settled(account.acts.junk([id]).id);
	const head = account.messages.email(id);
	await see(head, one => one?.keywords["$junk"] && one.mailboxIds[account.mailboxes.byRole("junk")!.id]);
	await account.acts.settled(account.acts.notJunk([id]).id);
	await see(head, one => one && !one.keywords["$junk"] && one.keywords["$notjunk"]);
	await see(list, () => rowOf(list, "rubbish"));
	list.close();
	device.close();
});

test("the server dies and comes back: what was done meanwhile is there", async () => {
	const device = new Device(), account = await device.signIn(), list = inbox(account);
	await deliver("outlives it");
	await see(list, () => rowOf(list, "outlives it"), "it");
	const { id } = rowOf(list, "outlives it")!;
	await control("crash");
	account.acts.star([id]);
	await see(list, () => rowOf(list, "outlives it")?.starred, "the star");
	await see(account.connection, state => state.state === "offline" && state.pending === 1, "offline");
	await control("start");
	await see(account.connection, state => state.state === "online" && state.pending === 0, "online");
	await deliver("after it");
	await see(list, () => rowOf(list, "after it"), "what came after");
	assert.equal(rowOf(list, "outlives it")!.starred, true);
	list.close();
	device.close();
});

test("mailboxes are made, renamed, moved and removed, here and there", async () => {
	const here = new Device(), there = new Device(), a = await here.signIn(), b = await there.signIn();
	const id = value(await a.mailboxes.create("Projects")), below = value(await a.mailboxes.create("Pombal", id));
	await see(b.mailboxes, tree => tree.some(node => node.mailbox.id === id && node.children[0]?.mailbox.id === below));
	value(await a.mailboxes.change(below, { name: "Dove", parentId: null }));
	await see(b.mailboxes, tree => tree.some(node => node.mailbox.name === "Dove" && node.depth === 0));
	const taken = await a.mailboxes.create("Projects");
	assert.equal(!taken.ok && taken.error.kind, "refused");
	value(await a.mailboxes.destroy(below));
	await see(b.mailboxes.all, all => !all.some(one => one.id === below));
	here.close();
	there.close();
});

test("emptying a mailbox leaves nothing of it, whatever is loaded", async () => {
	const device = new Device(), account = await device.signIn(), list = inbox(account);
	for (const n of [1, 2, 3]) await deliver(`emptied ${n}`);
	await see(list, () => [1, 2, 3].every(n => rowOf(list, `emptied ${n}`)));
	await account.acts.settled(account.acts.trash([1, 2, 3].map(n => rowOf(list, `emptied ${n}`)!.id)).id);
	const trash = account.mailboxes.byRole("trash")!;
	assert.ok(trash.totalEmails >= 3);
	const act = account.acts.empty(trash.id);
	assert.equal((await account.acts.settled(act.id)).state, "done");
	await see(account.mailboxes.all, all => all.find(one => one.id === trash.id)!.totalEmails === 0);
	list.close();
	device.close();
});

test("signing out wipes the device, and nobody sees what was another's", async () => {
	const device = new Device(), account = await device.signIn(), list = inbox(account);
	await see(list, view => view.state === "ready");
	await eventually(async () => (await device.host.databases.names()).length === 1, "a database");
	value(await device.app.signOut());
	assert.deepEqual(await device.host.databases.names(), []);
	assert.equal(device.app.account(), null);
	const boris = await device.signIn("boris");
	assert.equal(boris.name, "boris@example.test");
	const other = inbox(boris);
	await see(other, view => view.state === "ready");
	assert.deepEqual(subjects(other), []);
	other.close();
	value(await device.app.signIn("anna@example.test", process.env["PASSWORD_anna"]!));
	assert.equal((await device.host.databases.names()).every(name => name.startsWith("anna@")), true);
	device.close();
});

test("several accounts are side by side: each has its own, and one ends without the other", async () => {
	const device = new Device(), anna = await device.signIn(), { app } = device, password = process.env["PASSWORD_boris"]!;
	const wrong = await app.add("boris@example.test", "no");
	assert.equal(!wrong.ok && wrong.error.kind, "wrong");
	const boris = value(await app.add("boris@example.test", password));
	assert.deepEqual(get(app.logins).map(one => one.username), ["anna@example.test", "boris@example.test"]);
	assert.notEqual(boris.id, anna.id);
	assert.notEqual(boris.at, anna.at);
	await deliver("for boris alone", { to: "boris" });
	const theirs = inbox(boris), ours = inbox(anna);
	await see(theirs, () => subjects(theirs).includes("for boris alone"));
	await see(ours, view => view.state === "ready");
	assert.equal(subjects(ours).includes("for boris alone"), false);
	// What is asked in one's name of the other's mail isn't answered.
	const { client } = (boris as AccountOf).engine, asked = await client.call(anna.id, "Mailbox/get", { ids: null });
	assert.equal(!asked.ok && asked.error.type, "accountNotFound");
	// Once more is once.
	assert.equal(value(await app.add("boris@example.test", password)), boris);
	assert.equal(value(await app.add("anna@example.test", process.env["PASSWORD_anna"]!)), anna);
	assert.equal(device.platform.others.size, 1);
	// They are there when the page is opened anew.
	const again = new Device(device.host.databases as MemoryDatabases, device.platform, device.host.small);
	value(await again.app.start());
	assert.deepEqual(get(again.app.logins).map(one => one.username), ["anna@example.test", "boris@example.test"]);
	again.close();
	value(await app.signOut(anna.at));
	assert.deepEqual(get(app.logins).map(one => one.username), ["boris@example.test"]);
	assert.deepEqual(await device.host.databases.names(), [`boris@example.test ${boris.id}`]);
	value(await boris.mailboxes.create("Still here"));
	value(await app.signOut());
	assert.equal(get(app.session).state, "signedOut");
	assert.deepEqual([device.platform.cookie, device.platform.others.size, await device.host.databases.names()], [null, 0, []]);
	device.close();
});

test("a draft goes on as another account's, with what is attached", async () => {
	const device = new Device(), anna = await device.signIn(), boris = value(await device.app.add("boris@example.test", process.env["PASSWORD_boris"]!));
	await see(boris.identities, list => list.length > 0);
	const draft = anna.drafts.create({ subject: "between accounts", text: "x" });
	draft.attach(new Blob(["what is attached"], { type: "text/plain" }), { name: "a.txt" });
	value(await draft.save());
	await see(draft, view => view.attachments[0]?.blobId != null && view.state === "saved");
	const moved = value(await boris.drafts.adopt(draft, get(boris.identities)[0]!.id));
	await see(moved, view => view.state === "saved" && view.attachments[0]?.blobId != null);
	assert.equal(get(moved).content.subject, "between accounts");
	assert.equal(await value(await boris.files.download(get(moved).attachments[0]!.blobId!)).text(), "what is attached");
	const theirs = boris.list({ filter: { inMailbox: boris.mailboxes.byRole("drafts")!.id } }), ours = anna.list({ filter: { inMailbox: anna.mailboxes.byRole("drafts")!.id } });
	await see(theirs, () => subjects(theirs).includes("between accounts"));
	await see(ours, view => view.state === "ready" && !subjects(ours).includes("between accounts"));
	device.close();
});

test("all of a list are known even before it was looked at", async () => {
	const device = new Device(), account = await device.signIn();
	await deliver("counted");
	const box = account.mailboxes.byRole("inbox")!.id, list = account.list({ filter: { inMailbox: box } });
	const ids = value(await list.ids(0, 9));
	assert.ok(ids.length > 0);
	list.close();
	device.close();
});
