// What can be done to rows of a list: by buttons, keys, swipes and by dropping. Whatever is done is said, and can be taken back there.
import { t, type Key } from "../../base/i18n.svelte.ts";
import type { Account, Act, Id, Mailbox } from "../../model/types.ts";
import { toast } from "../../ui/toasts.svelte.ts";
import { nameOf } from "../mailboxes.ts";

export type Deed = "archive" | "trash" | "destroy" | "junk" | "notJunk" | "read" | "unread" | "star" | "unstar";

/** Those after which a row is gone from the list. */
export function leaves(deed: Deed | "move" | "snooze"): boolean {
	return !["read", "unread", "star", "unstar"].includes(deed);
}

/** Says what was done to so many threads, and how to take it back. If the server refuses it, that is said, too. */
export function say(account: Account, act: Act, count: number, target?: string): Act {
	const key = `done.${act.kind}` as Key;
	const end = toast(t(key, { n: count, target: target ?? "" }), act.canUndo ? { action: { label: t("ui.undo"), act: () => void account.acts.undo(act.id) } } : {});
	void account.acts.settled(act.id).then((done) => {
		if (done.state !== "refused") return;
		end();
		toast(t("done.refused"), { kind: "error" });
	});
	return act;
}

export function perform(account: Account, deed: Deed, ids: Id[], count: number): void {
	const acts = account.acts;
	const done: Record<Deed, () => Act> = {
		archive: () => acts.archive(ids), trash: () => acts.trash(ids), destroy: () => acts.destroy(ids), junk: () => acts.junk(ids), notJunk: () => acts.notJunk(ids),
		read: () => acts.read(ids, true), unread: () => acts.read(ids, false), star: () => acts.star(ids, true), unstar: () => acts.star(ids, false),
	};
	const act = done[deed]();
	if (leaves(deed) || count > 1) say(account, act, count);
}

export function moveTo(account: Account, ids: Id[], count: number, to: Mailbox, from: Id | undefined): void {
	say(account, account.acts.move(ids, to.id, from), count, nameOf(to));
}

export function labelThem(account: Account, ids: Id[], count: number, label: { keyword: string; name: string }, on: boolean): void {
	if (ids.length) say(account, account.acts.label(ids, label.keyword, on), count, label.name);
}

export function snoozeUntil(account: Account, ids: Id[], count: number, until: Date): void {
	say(account, account.acts.snooze(ids, until), count);
}

/** What "delete" does there. */
export function deletion(mailbox: Mailbox | null): Deed {
	return mailbox?.role === "trash" || mailbox?.role === "junk" ? "destroy" : "trash";
}
