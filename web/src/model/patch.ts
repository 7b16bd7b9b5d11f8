/* What acts do to emails, as JMAP's patches (RFC 8620 §5.3) of keywords, mailboxes and `snoozed`: applied here, taken back exactly, and sent. Pure. */
import type { EmailHead, Id, Snoozed } from "../jmap/types.ts";

/** For one email: paths ("keywords/$seen", "mailboxIds/m1"), or whole properties. `destroy` stands alone. */
export type Patch = Record<string, unknown>;

/** What of an email acts change. */
export type Mutable = Pick<EmailHead, "keywords" | "mailboxIds"> & { snoozed?: Snoozed | null };

type Map1 = Record<string, true>;

/** The email as it is then: a new object, or the same if nothing is another. */
export function applyPatch<T extends Mutable>(email: T, patch: Patch): T {
	let changed: T | null = null;
	for (const [path, value] of Object.entries(patch)) {
		const [property, key] = split(path), now = (changed ?? email)[property as keyof Mutable];
		if (key === null ? same(now, value) : Boolean((now as Map1 | undefined)?.[key]) === Boolean(value)) continue;
		changed ??= { ...email };
		(changed as Record<string, unknown>)[property] = key === null ? value : withKey((now as Map1 | undefined) ?? {}, key, Boolean(value));
	}
	return changed ?? email;
}

/** The patch that makes an email what it was before `patch`; of parts that aren't another nothing. */
export function inverse(before: Mutable, patch: Patch): Patch {
	const back: Patch = {};
	for (const [path, value] of Object.entries(patch)) {
		const [property, key] = split(path), was = before[property as keyof Mutable];
		if (key !== null) {
			if (Boolean((was as Map1 | undefined)?.[key]) !== Boolean(value)) back[path] = (was as Map1 | undefined)?.[key] ? true : null;
		} else if (!same(was, value)) {
			back[path] = was ?? null;
		}
	}
	return back;
}

/** The parts of a patch that change something. */
export function needed(email: Mutable, patch: Patch): Patch {
	return Object.fromEntries(Object.entries(patch).filter(([path, value]) => applyPatch(email, { [path]: value }) !== email));
}

/** RFC 6901: names in paths. */
export function keywordPath(keyword: string): string {
	return `keywords/${keyword.replace(/~/g, "~0").replace(/\//g, "~1")}`;
}

/** Into `to`; out of `from`, or of all others. Without knowledge of the email, a patch of the whole. */
export function movePatch(email: Mutable | null, to: Id, from: Id | null): Patch {
	if (!email) return from ? { [`mailboxIds/${to}`]: true, [`mailboxIds/${from}`]: null } : { mailboxIds: { [to]: true } };
	const patch: Patch = email.mailboxIds[to] ? {} : { [`mailboxIds/${to}`]: true };
	for (const id of Object.keys(email.mailboxIds)) if (id !== to && (!from || id === from)) patch[`mailboxIds/${id}`] = null;
	return patch;
}

function split(path: string): [string, string | null] {
	const slash = path.indexOf("/");
	return slash < 0 ? [path, null] : [path.slice(0, slash), path.slice(slash + 1).replace(/~1/g, "/").replace(/~0/g, "~")];
}

function withKey(map: Map1, key: string, on: boolean): Map1 {
	const copy = { ...map };
	if (on) copy[key] = true;
	else delete copy[key];
	return copy;
}

function same(a: unknown, b: unknown): boolean {
	return a === b || (a ?? null) === (b ?? null) || (typeof a === "object" && typeof b === "object" && sorted(a) === sorted(b));
}

function sorted(value: unknown): string {
	return value && typeof value === "object" ? JSON.stringify(Object.entries(value as object).sort(([a], [b]) => (a < b ? -1 : 1))) : JSON.stringify(value);
}
