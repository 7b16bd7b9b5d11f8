// Why a message can't be sent, for the person who has written it.
import { language, t } from "../base/i18n.svelte.ts";
import { formatSize } from "../base/format.ts";
import type { Failure } from "../model/types.ts";

/** Addresses that are named; more are a number. */
const NAMED_MAX = 3;

/** What more a SetError says (RFC 8621 §7.5). */
function detail(error: Failure, name: string): unknown {
	return Object(error.cause)[name];
}

function addresses(error: Failure): string[] {
	const list = detail(error, "invalidRecipients");
	return Array.isArray(list) ? list.filter((one): one is string => typeof one === "string") : [];
}

function ofRecipients(error: Failure): string {
	const list = addresses(error);
	if (list.length === 0) return t("unsent.recipients.some");
	const named = new Intl.ListFormat(language(), { type: "conjunction" }).format(list.slice(0, NAMED_MAX));
	return list.length > NAMED_MAX ? t("unsent.recipients.more", { list: list.slice(0, NAMED_MAX).join(", "), n: list.length - NAMED_MAX }) : t("unsent.recipients", { list: named, n: list.length });
}

/** A sentence. What the server says in its own words is added where it says more than its kind. */
export function whyUnsent(error: Failure): string {
	const most = Number(detail(error, "maxSize")), many = Number(detail(error, "maxRecipients"));
	switch (error.type) {
		case "invalidRecipients": return ofRecipients(error);
		case "noRecipients": return t("unsent.noRecipients");
		case "tooManyRecipients": return many > 0 ? t("unsent.tooMany", { n: many }) : t("unsent.tooMany.some");
		case "tooLarge": case "maxSizeRequest": case "413": return most > 0 ? t("unsent.tooLarge", { size: formatSize(most, language()) }) : t("unsent.tooLarge.some");
		case "forbiddenFrom": case "forbiddenMailFrom": return t("unsent.from");
		case "noIdentity": return t("unsent.identity");
		case "overQuota": return t("unsent.quota");
		case "blobNotFound": return t("unsent.file");
		case "forbiddenToSend": return t("unsent.forbidden", { why: error.message });
		default: return error.kind === "offline" || error.kind === "signedOut" ? t("unsent.offline") : error.kind === "busy" ? t("unsent.busy") : t("unsent.other", { why: error.message });
	}
}
