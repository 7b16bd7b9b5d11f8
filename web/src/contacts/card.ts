// A contact as people see it, and as they change it: between JSContact (RFC 9553) and a form. What the form doesn't know stays in the card as it is.
import type { Card } from "../model/types.ts";

export type Place = "private" | "work" | "";

/** One line of the form: `key` is the card's, or empty for a new one. */
export interface Line {
	key: string;
	value: string;
	place: Place;
}

export interface Form {
	given: string;
	surname: string;
	nickname: string;
	organization: string;
	title: string;
	emails: Line[];
	phones: Line[];
	addresses: Line[];
	links: Line[];
	/** "1990-05-03", "--05-03" without a year, or empty. */
	birthday: string;
	note: string;
}

function component(card: Card, kind: string): string {
	return (card.name?.components ?? []).filter((one) => one.kind === kind).map(({ value }) => value).join(" ");
}

const first = <T>(map: Record<string, T> | undefined): T | undefined => Object.values(map ?? {})[0];

/** What a contact is called: its name, or what else there is. Empty if there is nothing. */
export function nameOf(card: Card): string {
	const made = card.name?.full?.trim() || (card.name?.components ?? []).map(({ value }) => value).join(" ").trim();
	return made || first(card.nicknames)?.name || first(card.organizations)?.name || first(card.emails)?.address || first(card.phones)?.number || "";
}

/** By which it is sorted: surname first where it is known. */
export function sortName(card: Card): string {
	const surname = component(card, "surname");
	return surname ? `${surname} ${component(card, "given")}` : nameOf(card);
}

/** The lists and groups of a page in the order of its language; those without a name last. */
export function sorted<T extends Card>(cards: readonly T[], language: string): T[] {
	const order = new Intl.Collator(language, { sensitivity: "base", numeric: true });
	const keyed = cards.map((card) => ({ card, key: sortName(card) }));
	return keyed.sort((a, b) => Number(a.key === "") - Number(b.key === "") || order.compare(a.key, b.key)).map(({ card }) => card);
}

function placeOf(contexts: Record<string, true> | undefined): Place {
	return contexts?.work ? "work" : contexts?.private ? "private" : "";
}

function lines<T extends { contexts?: Record<string, true> }>(map: Record<string, T> | undefined, value: (one: T) => string): Line[] {
	return Object.entries(map ?? {}).map(([key, one]) => ({ key, value: value(one), place: placeOf(one.contexts) }));
}

/** An address in lines, of its parts if it isn't there as a whole. */
export function addressText(address: { full?: string; components?: { kind: string; value: string }[] }): string {
	if (address.full) return address.full;
	const parts = (address.components ?? []).filter(({ kind }) => kind !== "separator");
	const street = parts.filter(({ kind }) => !/^(?:locality|region|postcode|country)$/u.test(kind)).map(({ value }) => value).join(" ");
	const town = parts.filter(({ kind }) => kind === "postcode" || kind === "locality" || kind === "region").map(({ value }) => value).join(" ");
	return [street, town, ...parts.filter(({ kind }) => kind === "country").map(({ value }) => value)].filter(Boolean).join("\n");
}

const two = (n: unknown) => String(n).padStart(2, "0");

function birthdayOf(card: Card): string {
	const date = Object.values(card.anniversaries ?? {}).find(({ kind }) => kind === "birth")?.date;
	if (!date) return "";
	if (typeof date.utc === "string") return date.utc.slice(0, 10);
	return typeof date.month === "number" && typeof date.day === "number" ? `${typeof date.year === "number" ? String(date.year).padStart(4, "0") : "-"}-${two(date.month)}-${two(date.day)}` : "";
}

export function formOf(card: Card): Form {
	return {
		given: component(card, "given") || (card.name?.components?.length ? "" : card.name?.full ?? ""), surname: component(card, "surname"),
		nickname: first(card.nicknames)?.name ?? "", organization: first(card.organizations)?.name ?? "", title: first(card.titles)?.name ?? "",
		emails: lines(card.emails, ({ address }) => address), phones: lines(card.phones, ({ number }) => number),
		addresses: lines(card.addresses, addressText), links: Object.entries(card.links ?? {}).map(([key, { uri }]) => ({ key, value: uri, place: "" as const })),
		birthday: birthdayOf(card), note: Object.values(card.notes ?? {}).map(({ note }) => note).join("\n\n"),
	};
}

function fresh(taken: Record<string, unknown>, letter: string): string {
	let n = 1;
	while (`${letter}${n}` in taken) n++;
	return `${letter}${n}`;
}

/** The map of a card with the form's lines in it: one that didn't change keeps all that the form doesn't show. Undefined if there is none left. */
function merge<T extends { contexts?: Record<string, true> }>(before: Record<string, T> | undefined, form: Line[], letter: string, shown: (one: T) => string, make: (value: string, old: T | undefined) => T): Record<string, T> | undefined {
	const merged: Record<string, T> = {};
	for (const { key, value, place } of form) {
		const text = value.trim();
		if (text === "") continue;
		const old = key ? before?.[key] : undefined;
		const one = old && shown(old) === text ? { ...old } : make(text, old);
		if (placeOf(one.contexts) !== place) {
			const { work: _work, private: _private, ...others } = one.contexts ?? {};
			one.contexts = place ? { ...others, [place]: true } : others;
			if (!Object.keys(one.contexts).length) delete one.contexts;
		}
		merged[key || fresh({ ...before, ...merged }, letter)] = one;
	}
	return Object.keys(merged).length ? merged : undefined;
}

/** The first of a map set to a text, or taken away; others stay. */
function setFirst<T extends object>(before: Record<string, T> | undefined, letter: string, value: string, shown: (one: T) => string, make: (old: T | undefined) => T): Record<string, T> | undefined {
	const key = Object.keys(before ?? {})[0], old = key === undefined ? undefined : before?.[key];
	if (old && shown(old) === value) return before;
	const { [key ?? ""]: _gone, ...others } = before ?? {};
	const all = value === "" ? others : { [key ?? fresh(others, letter)]: make(old), ...others };
	return Object.keys(all).length ? all as Record<string, T> : undefined;
}

function nameWith(card: Card, form: Form): Card["name"] {
	if (component(card, "given") === form.given && component(card, "surname") === form.surname && card.name?.components) return card.name;
	const others = (card.name?.components ?? []).filter(({ kind }) => kind !== "given" && kind !== "surname" && kind !== "separator");
	const before = others.filter(({ kind }) => kind === "title"), after = others.filter(({ kind }) => kind !== "title");
	const components = [...before, ...(form.given ? [{ kind: "given", value: form.given }] : []), ...after.filter(({ kind }) => kind === "given2"),
		...(form.surname ? [{ kind: "surname", value: form.surname }] : []), ...after.filter(({ kind }) => kind !== "given2")];
	if (!components.length) return undefined;
	return { components, isOrdered: true, full: components.map(({ value }) => value).join(" ") };
}

function birthdayWith(card: Card, birthday: string): Card["anniversaries"] {
	if (birthdayOf(card) === birthday) return card.anniversaries;
	const others = Object.fromEntries(Object.entries(card.anniversaries ?? {}).filter(([, { kind }]) => kind !== "birth"));
	const found = /^(\d{4}|-)-(\d{2})-(\d{2})$/u.exec(birthday);
	if (found) others[fresh(others, "a")] = { kind: "birth", date: { "@type": "PartialDate", ...(found[1] === "-" ? {} : { year: Number(found[1]) }), month: Number(found[2]), day: Number(found[3]) } };
	return Object.keys(others).length ? others : undefined;
}

/** The card with what the form says. A property that isn't in it any more is to go. */
export function cardOf(card: Card, form: Form): Card {
	const trimmed = { ...form, given: form.given.trim(), surname: form.surname.trim() };
	const changed: Card = {
		...card, name: nameWith(card, trimmed),
		nicknames: setFirst(card.nicknames, "k", form.nickname.trim(), ({ name }) => name, () => ({ name: form.nickname.trim() })),
		organizations: setFirst(card.organizations, "o", form.organization.trim(), ({ name }) => name ?? "", (old) => ({ ...old, name: form.organization.trim() })),
		titles: setFirst(card.titles, "t", form.title.trim(), ({ name }) => name, (old) => ({ kind: "title", ...old, name: form.title.trim() })),
		emails: merge(card.emails, form.emails, "e", ({ address }) => address, (address, old) => ({ ...old, address })),
		phones: merge(card.phones, form.phones, "p", ({ number }) => number, (number, old) => ({ ...old, number })),
		addresses: merge(card.addresses, form.addresses, "a", addressText, (full, old) => ({ ...(old?.contexts ? { contexts: old.contexts } : {}), full })),
		links: merge<{ uri: string; kind?: string; label?: string; contexts?: Record<string, true> }>(card.links, form.links, "l", ({ uri }) => uri, (uri, old) => ({ ...old, uri })),
		anniversaries: birthdayWith(card, form.birthday),
		notes: form.note.trim() === formOf(card).note.trim() ? card.notes : form.note.trim() ? { n1: { note: form.note.trim() } } : undefined,
	};
	for (const key of Object.keys(changed)) if (changed[key] === undefined) delete changed[key];
	return changed;
}

/** Is there something to keep? */
export function isEmpty(form: Form): boolean {
	return ![form.given, form.surname, form.nickname, form.organization, ...[form.emails, form.phones, form.addresses].flat().map(({ value }) => value)].some((text) => text.trim() !== "");
}
