/* What a service worker does while no page is open: sends what waits, and says what is new. */
import { Client } from "../jmap/client.ts";
import { MAIL } from "../jmap/methods.ts";
import { browserPlatform } from "../jmap/platform.ts";
import { loadSession } from "../jmap/session.ts";
import type { EmailHead, Id } from "../jmap/types.ts";
import type { AccountOf } from "../model/account.ts";
import { AppOf } from "../model/app.ts";
import { browserHost, type Host } from "../model/host.ts";

/** Notifications of one push, at most; what is in them is a stranger's: it is shown as text alone. */
const NEWS_MAX = 3, TEXT_MAX = 200;

export interface News {
	id: Id;
	threadId: Id;
	from: string;
	subject: string;
	preview: string;
}

type Part = Partial<Pick<EmailHead, "id" | "threadId" | "from" | "subject" | "preview">>;

export function newsOf(email: Part): News {
	const sender = Array.isArray(email.from) ? email.from[0] : null, cut = (text: unknown) => (typeof text === "string" ? text : "").replace(/\s+/g, " ").trim().slice(0, TEXT_MAX);
	return { id: cut(email.id), threadId: cut(email.threadId), from: cut(sender?.name) || cut(sender?.email), subject: cut(email.subject), preview: cut(email.preview) };
}

/** Sends acts and messages that wait on this device. True: nothing waits any more. */
export async function replay(host: Host = browserHost()): Promise<boolean> {
	const app = new AppOf(host), started = await app.start();
	try {
		if (!started.ok || started.value.state !== "signedIn") return false;
		for (const { id } of started.value.accounts) {
			const account = app.account(id) as AccountOf | null;
			if (!account || !(await account.engine.sync()).ok) continue;
			await account.acts.flush();
			await account.outbox.flush();
		}
		const left = await app.unsaved();
		return left.acts + left.outbox === 0;
	} finally {
		app.close();
	}
}

/** The newest unread emails of the inbox that came after a time (in milliseconds). */
export async function fetchNews(since: number, client = new Client(browserPlatform())): Promise<News[]> {
	const session = await loadSession(client), account = session.ok ? session.value.primaryAccounts[MAIL] : undefined;
	if (!account) return [];
	const boxes = await client.call(account, "Mailbox/get", { ids: null, properties: ["role"] });
	const inbox = boxes.ok ? boxes.value.list.find(one => one.role === "inbox") : undefined;
	if (!inbox) return [];
	const batch = client.batch(account), after = new Date(since).toISOString().replace(/\.\d+/, "");
	const found = batch.call("Email/query", { filter: { operator: "AND", conditions: [{ inMailbox: inbox.id }, { notKeyword: "$seen" }, { after }] }, sort: [{ property: "receivedAt", isAscending: false }], limit: NEWS_MAX });
	const emails = batch.call("Email/get", { "#ids": found.ref("/ids"), properties: ["id", "threadId", "from", "subject", "preview"] });
	return (await batch.send()).ok && emails.result.ok ? emails.result.value.list.map(newsOf) : [];
}

/** Tells the server that a subscription is ours (RFC 8620 §7.2.2). */
export async function verify(subscription: Id, code: string, client = new Client(browserPlatform())): Promise<boolean> {
	const session = await loadSession(client);
	if (!session.ok) return false;
	const done = await client.call("", "PushSubscription/set", { update: { [subscription]: { verificationCode: code } } });
	return done.ok && !done.value.notUpdated?.[subscription];
}

export type PushMessage = { kind: "verification"; id: Id; code: string } | { kind: "emails"; emails: News[] } | { kind: "change" } | { kind: "other" };

/** What a push message says. It came through a push service: nothing of it is believed beyond its form. */
export function readPush(text: string): PushMessage {
	let message: Record<string, unknown>;
	try {
		message = Object(JSON.parse(text)) as Record<string, unknown>;
	} catch {
		return { kind: "other" };
	}
	const { pushSubscriptionId: id, verificationCode: code, emails } = message;
	if (message["@type"] === "PushVerification" && typeof id === "string" && typeof code === "string") return { kind: "verification", id, code };
	if (message["@type"] === "EmailPush" && Array.isArray(emails)) return { kind: "emails", emails: emails.slice(0, NEWS_MAX).map(one => newsOf(Object(one) as Part)) };
	return { kind: message["@type"] === "StateChange" ? "change" : "other" };
}
