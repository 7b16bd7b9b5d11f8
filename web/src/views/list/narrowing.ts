// Showing only some of a mailbox.
import type { EmailCondition, EmailFilter } from "../../model/types.ts";

export const NARROWINGS = ["all", "unread", "starred", "attachments"] as const;
export type Narrowing = (typeof NARROWINGS)[number];

const MORE: Record<Narrowing, EmailCondition> = {
	all: {}, unread: { notKeyword: "$seen" }, starred: { hasKeyword: "$flagged" }, attachments: { hasAttachment: true },
};

export function narrowed(condition: EmailCondition, to: Narrowing): EmailFilter {
	return { ...condition, ...MORE[to] };
}
