// The address bar: #/mail/MAILBOX/THREAD, #/search/TEXT/THREAD, #/contacts/ID, #/settings/PART, #/deleted, #/held/ID; of another account than the first, #/@ACCOUNT/mail/….

export type Route =
	| { view: "mail"; mailbox: string | null; thread: string | null }
	| { view: "search"; text: string; thread: string | null }
	| { view: "contacts"; id: string | null }
	| { view: "deleted" }
	| { view: "held"; id: string | null }
	| { view: "settings"; part: string | null };

function partsOf(hash: string): string[] {
	return hash.replace(/^#?\/?/, "").split("/").map(decode);
}

/** Of which account it is; null: of the first one. */
export function accountOf(hash: string): string | null {
	const [first = ""] = partsOf(hash);
	return first.startsWith("@") ? first.slice(1) || null : null;
}

/** What an address shows; the inbox for what is none of ours. */
export function parseRoute(hash: string): Route {
	const parts = partsOf(hash), [view = "", first = null, second = null] = parts[0]?.startsWith("@") ? parts.slice(1) : parts;
	switch (view) {
	case "search":
		return { view, text: first ?? "", thread: second || null };
	case "contacts":
	case "held":
		return { view, id: first || null };
	case "deleted":
		return { view };
	case "settings":
		return { view, part: first || null };
	default:
		return view === "mail" ? { view, mailbox: first || null, thread: second || null } : { view: "mail", mailbox: null, thread: null };
	}
}

function detailsOf(route: Route): (string | null)[] {
	switch (route.view) {
	case "mail":
		return [route.mailbox, route.thread];
	case "search":
		return [route.text, route.thread];
	case "contacts":
	case "held":
		return [route.id];
	case "settings":
		return [route.part];
	case "deleted":
		return [];
	}
}

/** The address of what is to be shown, with its "#". */
export function formatRoute(route: Route, account: string | null = null): string {
	const parts = detailsOf(route), kept = parts.slice(0, parts.reduce((last, part, i) => (part ? i + 1 : last), 0));
	return "#/" + [...(account ? [`@${encodeURIComponent(account)}`] : []), route.view, ...kept.map((part) => encodeURIComponent(part ?? ""))].join("/");
}

function decode(part: string): string {
	try {
		return decodeURIComponent(part);
	} catch {
		return "";
	}
}
