// Every view of the pages, and how it comes to be, in any language: for pictures (pictures.js), and for what holds for all of them (sound.end.js).
import { go } from "./browser.js";
import { FULL, LETTERS, NEWSLETTER } from "./letters.js";
import { Mail } from "./mail.js";
import { compose } from "./server.js";
import { holdBack } from "./stranger.js";

/** A letter to two, one of whom says that he has read it, and the other is nowhere. */
async function send(mail, friend, subject) {
	const { list: identities } = await mail.call("Identity/get", { ids: null }), boxes = await mail.boxes(), nobody = "nobody@nowhere.invalid", { email, id: identityId } = identities[0];
	const from = [{ name: null, email }], to = [{ name: null, email: friend.address }, { name: "Rui Tavares", email: nobody }], { created } = await mail.call("Email/set", { create: { m: {
		mailboxIds: { [boxes.get("sent").id]: true }, keywords: { $seen: true }, from, to, subject, "header:Disposition-Notification-To:asAddresses": from,
		bodyValues: { t: { value: "At eight, by the bridge?" } }, textBody: [{ partId: "t", type: "text/plain" }],
	} } });
	const envelope = { mailFrom: { email }, rcptTo: [friend.address, nobody].map((one) => ({ email: one })) };
	await mail.call("EmailSubmission/set", { create: { s: { identityId, emailId: created.m.id, envelope } } });
	const { id: forEmailId } = await friend.until(subject, (found) => found.length > 0, "to have come"), { list: own } = await friend.call("Identity/get", { ids: null });
	await friend.call("MDN/send", { identityId: own[0].id, send: { k: { forEmailId, subject: "Read", textBody: "It was read.", disposition: { actionMode: "manual-action", sendingMode: "mdn-sent-manually", type: "displayed" } } } });
}

/** An account with something in everything; its address. */
export async function furnish(server) {
	const address = server.account(), mail = new Mail(server, address);
	// Those of earlier days are put in as of then; what came today came by the door, and has its story.
	for (const letter of LETTERS.filter(({ age }) => age > 12)) await mail.put(compose(address, letter), "inbox", new Date(Date.now() - letter.age * 3_600_000));
	await server.deliver(address, [FULL, NEWSLETTER, ...LETTERS.filter(({ age }) => age <= 12)]);
	const { list: books } = await mail.call("AddressBook/get", { ids: null }), addressBookIds = { [books[0].id]: true };
	const person = (uid, given, surname, email, more = {}) => ({ uid, addressBookIds, name: { components: [{ kind: "given", value: given }, { kind: "surname", value: surname }], isOrdered: true }, emails: { e: { address: email } }, ...more });
	await mail.call("ContactCard/set", { create: {
		a: person("urn:uuid:00000000-0000-4000-8000-000000000001", "Clara", "de Sousa", "clara@elsewhere.example", {
			organizations: { o: { name: "Moinho Velho" } }, titles: { t: { name: "Engenheira" } }, phones: { p: { number: "+351 21 123 45 67", contexts: { work: true } } }, notes: { n: { note: "Knows every place for lunch near the river." } },
		}),
		b: person("urn:uuid:00000000-0000-4000-8000-000000000002", "Борис", "Смирнов", "boris@elsewhere.example"),
		c: person("urn:uuid:00000000-0000-4000-8000-000000000003", "Anna", "Berg", "anna@elsewhere.example"),
		g: { uid: "urn:uuid:00000000-0000-4000-8000-000000000004", addressBookIds, kind: "group", name: { full: "Weekend" }, members: { "urn:uuid:00000000-0000-4000-8000-000000000001": true, "urn:uuid:00000000-0000-4000-8000-000000000003": true } },
	} });
	await mail.set({ markRead: null, labels: [{ keyword: "family", name: "Family", color: "" }, { keyword: "work", name: "Работа", color: "" }] });
	const emails = await mail.emails(), of = (subject) => emails.find((one) => one.subject.includes(subject)).id, parent = await mail.call("Mailbox/set", { create: { p: { name: "Projects" } } });
	await mail.call("Mailbox/set", { create: { c: { name: "Mill", parentId: parent.created.p.id }, d: { name: "Путешествия" } } });
	await mail.call("Email/set", { update: { [of("coast")]: { "keywords/$flagged": true, "keywords/family": true }, [of("Счёт")]: { "keywords/work": true }, [of("Seeds")]: { "keywords/$seen": true }, [of("order")]: { "keywords/$seen": true } } });
	await mail.call("Email/set", { destroy: [await mail.put(compose(address, { subject: "Notes of last winter", text: "x", age: 900 }), "trash", new Date())] });
	await send(mail, new Mail(server, server.account()), "Dinner on Thursday");
	await holdBack(server, address);
	return address;
}

const first = (page) => page.getByRole("option").first();
const rows = (page) => first(page).waitFor();
const read = (subject) => async (page) => {
	await page.getByRole("option").filter({ hasText: subject }).first().click();
	await page.locator("article.open .text").last().waitFor();
	await page.locator("article.open .text :is(iframe, .plain)").last().waitFor();
};
const more = (index) => async (page) => {
	await read("river news")(page);
	await page.locator("article.open > header [aria-haspopup=menu]").last().click();
	await (await page.getByRole("menu").locator("button").all()).at(index).click();
	await page.locator(index < 0 ? ":is(.story, dialog[open])" : "body").first().waitFor();
};
const file = (index, shown) => async (page) => {
	await read(FULL.subject)(page);
	await page.locator(".files .face").nth(index).click();
	await page.locator(shown).first().waitFor();
};
const drawer = async (page) => {
	const button = page.locator(".opens button");
	if (await button.isVisible()) await button.click();
};
const write = async (page) => {
	await page.locator(":is(nav > button, button.round):visible").first().click();
	await page.locator("section.window [contenteditable]").waitFor();
};
const options = (index) => async (page) => {
	await write(page);
	await page.locator("section.window footer [aria-haspopup=menu]").click();
	if (index !== null) await page.getByRole("menu").locator("button").nth(index).click();
};
const person = (name) => async (page) => {
	await page.getByRole("option").filter({ hasText: name }).click();
	await page.locator("article h2").waitFor();
};
const settings = (part, act) => ({ hash: `#/settings/${part}`, calm: !act, ready: async (page) => {
	await page.getByRole("tab", { selected: true }).waitFor();
	await page.locator("[aria-busy=true]").waitFor({ state: "detached" });
}, act });

/** An address, what must be there, and what is done then; `calm`: leaves nothing open, so that what comes next needs no page of its own; `who`: not shown to the first account, but to the second, or to both; `pictured`: made of what other views have, so that no test looks at it. */
export const VIEWS = {
	list: { ready: rows, calm: true },
	reading: { ready: rows, calm: true, act: read("Plans for") },
	newsletter: { ready: rows, calm: true, act: read("river news") },
	details: { ready: rows, act: async (page) => {
		await read("Счёт")(page);
		await page.locator("article.open .to").click();
	} },
	doings: { ready: rows, act: async (page) => {
		await read("Счёт")(page);
		await page.locator("article.open > header [aria-haspopup=menu]").last().click();
	} },
	story: { ready: rows, act: more(-2) },
	source: { ready: rows, act: more(-1) },
	attached: { ready: rows, act: file(1, "section.attached .text :is(iframe, .plain)") },
	pdf: { ready: rows, act: file(0, "dialog[open] canvas") },
	sent: { hash: "#/search/Dinner", ready: rows, act: async (page) => {
		await read("Dinner")(page);
		await page.locator("article.open > header [aria-haspopup=menu]").last().click();
		await page.getByRole("menu").locator("button").nth(-2).click();
		await page.locator(".story li").nth(1).waitFor();
	} },
	deleted: { hash: "#/deleted", ready: (page) => page.locator("main li").first().waitFor() },
	held: { hash: "#/held", ready: (page) => page.locator("main li").first().waitFor(), act: async (page) => {
		await page.locator("main li button").first().click();
		await page.locator("main li dl").waitFor();
	} },
	"label-dialog": { pictured: true, ready: rows, act: async (page) => {
		await page.locator(".who").nth(1).click();
		await page.keyboard.press("l");
		await page.getByRole("menu").locator("button").last().click();
		await page.locator("dialog[open] input").first().waitFor();
	} },
	unsent: { pictured: true, ready: rows, act: async (page) => {
		await page.context().setOffline(true);
		await write(page);
		await page.locator("section.window input[role=combobox]").first().fill("nobody@example.test,");
		await page.locator("section.window input[id$=subject]").fill("Invoice of November, second try");
		await page.locator("section.window footer button").first().click();
		await page.locator("section.window").waitFor({ state: "detached" });
		await page.context().setOffline(false);
		await page.locator(".banner.danger").waitFor();
	} },
	"account-menu": { pictured: true, ready: rows, act: (page) => page.locator(".me").click() },
	"accounts-menu": { who: "both", ready: rows, act: (page) => page.locator(".me").click() },
	choosing: { ready: rows, act: async (page) => {
		for (const i of [0, 2]) await page.locator(".who").nth(i).click();
	} },
	menu: { ready: rows, act: async (page) => {
		await page.locator(".who").nth(1).click();
		await page.locator("[role=toolbar] [aria-haspopup=menu]").first().click();
	} },
	folders: { ready: rows, act: drawer },
	folder: { ready: rows, act: async (page) => {
		await drawer(page);
		await page.locator(".heading button").first().click();
	} },
	"folder-menu": { ready: rows, act: async (page) => {
		await drawer(page);
		await page.locator("nav li").filter({ hasText: "Путешествия" }).locator(".more button").dispatchEvent("click");
		await page.getByRole("menu").waitFor();
	} },
	empty: { ready: rows, act: (page) => page.evaluate(() => document.querySelectorAll("nav li .folder")[1].click()) },
	search: { hash: "#/search/the", ready: rows, calm: true },
	"search-none": { hash: "#/search/nothingofthekind", ready: (page) => page.locator("main .listing h2, main .listing h3").first().waitFor() },
	operators: { ready: rows, act: (page) => page.getByRole("combobox").click() },
	writing: { ready: rows, act: write },
	answering: { ready: rows, act: async (page) => {
		await read("Plans for")(page);
		await page.locator("article.open footer button").first().click();
		await page.locator("section.window [contenteditable]").waitFor();
	} },
	"writing-options": { ready: rows, act: options(null) },
	"writing-later": { ready: rows, act: options(0) },
	"writing-warned": { ready: rows, act: async (page) => {
		await write(page);
		await page.locator("section.window input[role=combobox]").first().fill("Clara de Sousa <clara@elsewhere.example>, anna@elsewhere.example,");
		await page.locator("section.window footer button").first().click();
		await page.locator("dialog[open]").waitFor();
	} },
	below: { who: "second", ready: rows, act: (page) => page.getByRole("option").nth(1).click() },
	accounts: { who: "both", ready: rows, act: async (page) => {
		await page.locator("nav .account, .opens button").first().waitFor();
		await drawer(page);
		await page.locator("nav .account").last().click();
	} },
	account: { ready: rows, act: async (page) => {
		await page.locator(".me").click();
		await page.getByRole("menuitem").first().click();
		await page.locator("dialog input").first().waitFor();
	} },
	contacts: { hash: "#/contacts", ready: rows, calm: true },
	person: { hash: "#/contacts", ready: rows, calm: true, act: person("Clara") },
	group: { hash: "#/contacts", ready: rows, calm: true, act: person("Weekend") },
	"person-form": { hash: "#/contacts", ready: rows, act: async (page) => {
		await person("Clara")(page);
		await page.locator("article .acts button").nth(1).click();
		await page.locator("form fieldset").first().waitFor();
	} },
	keys: { ready: rows, act: async (page) => {
		await page.locator(".me").click();
		await page.getByRole("menuitem").nth(3).click();
		await page.locator("dialog[open]").waitFor();
	} },
	"phone-setup": { ready: rows, act: async (page) => {
		await page.locator(".me").click();
		await page.getByRole("menuitem").nth(2).click();
		await page.locator("dialog[open] svg").first().waitFor();
	} },
	offline: { ready: rows, act: (page) => page.context().setOffline(true) },
	looks: settings("looks"), mail: settings("mail"), notifications: settings("notifications"), identities: settings("identities"), away: settings("away"), labels: settings("labels"), programs: settings("programs"), sessions: settings("sessions"),
	label: settings("labels", async (page) => {
		await page.locator("[role=tabpanel] .tools button").last().click();
		await page.locator("dialog input").first().fill("Garten");
	}),
	signature: settings("identities", async (page) => {
		await page.locator("[role=tabpanel] .row button").first().click();
		await page.locator("dialog[open]").waitFor();
	}),
	"app-password": settings("programs", async (page) => {
		await page.locator("[role=tabpanel] .tools button").first().click();
		await page.locator("dialog[open]").waitFor();
	}),
};

/** Shows a view in a page in which somebody is signed in, after the one that it showed before, if it is known. */
export async function show(page, origin, view, before = null) {
	if (before?.calm) await go(page, view.hash ?? "#/mail");
	else {
		await page.context().setOffline(false);
		await page.evaluate((to) => history.replaceState(null, "", to), `/${view.hash ?? ""}`);
		await page.reload();
	}
	await view.ready(page);
	await view.act?.(page);
}
