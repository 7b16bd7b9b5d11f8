// Which icon stands for which page.
import type { IconName } from "../ui/icons.ts";
import type { PageName } from "./route.svelte.ts";

export const PAGE_ICONS: Record<PageName, IconName> = {
	overview: "eye", start: "check", accounts: "contacts", aliases: "forward", domains: "globe", queue: "sent", trace: "search", quarantine: "junk", spam: "filter", reports: "all",
	graphs: "graph", certificates: "lock", settings: "settings", sessions: "phone", servers: "link",
};

/** The pages in the order of the navigation, by what people come for. */
export const GROUPS: { name: "first" | "people" | "mail" | "server"; pages: PageName[] }[] = [
	{ name: "first", pages: ["overview", "start"] },
	{ name: "people", pages: ["accounts", "aliases", "domains"] },
	{ name: "mail", pages: ["queue", "trace", "quarantine", "spam", "reports"] },
	{ name: "server", pages: ["graphs", "sessions", "certificates", "settings", "servers"] },
];

/** The row that a page can't do without. */
export const NEEDS: Record<PageName, string> = {
	overview: "check", start: "domain add", accounts: "account list", aliases: "alias list", domains: "domain list", queue: "queue list", trace: "trace", quarantine: "quarantine list", spam: "config options",
	reports: "reports", graphs: "metrics", certificates: "certificate list", settings: "config options", sessions: "session list", servers: "admin key list",
};
