// How mailboxes are called and shown.
import { t, type Key } from "../base/i18n.svelte.ts";
import type { Mailbox, MailboxNode, Role } from "../model/types.ts";
import type { IconName } from "../ui/icons.ts";

const ICON_OF: Partial<Record<Role, IconName>> = {
	inbox: "inbox", archive: "archive", drafts: "drafts", flagged: "star", important: "important", junk: "junk", sent: "sent", snoozed: "clock", scheduled: "clock", trash: "trash", all: "all",
};
const NAMED: readonly Role[] = ["inbox", "archive", "drafts", "flagged", "important", "junk", "sent", "snoozed", "scheduled", "trash", "all"];

export function iconOf(mailbox: Mailbox): IconName {
	return (mailbox.role && ICON_OF[mailbox.role]) || "folder";
}

/** Its name: of what has a role, in the language of the pages, whatever it is called on the server. */
export function nameOf(mailbox: Mailbox): string {
	return mailbox.role && NAMED.includes(mailbox.role) ? t(`role.${mailbox.role}` as Key) : mailbox.name;
}

/** What is counted beside it: what is to be done there. */
export function countOf(mailbox: Mailbox): number {
	if (mailbox.role === "drafts" || mailbox.role === "scheduled") return mailbox.totalEmails;
	return mailbox.role === "trash" || mailbox.role === "sent" ? 0 : mailbox.unreadThreads;
}

/** The tree as rows, without what is below those that are closed. */
export function rowsOf(nodes: readonly MailboxNode[], closed: ReadonlySet<string>): MailboxNode[] {
	return nodes.flatMap((node) => [node, ...(closed.has(node.mailbox.id) ? [] : rowsOf(node.children, closed))]);
}

/** Those with a role stand apart from one's own. */
export function isOwn(node: MailboxNode): boolean {
	return node.depth > 0 || !node.mailbox.role;
}
