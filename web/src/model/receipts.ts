/* Telling somebody that his message was read, as he has asked for (RFC 9007, RFC 8098). */
import { bad, failureOf, good, type Result } from "../jmap/errors.ts";
import type { Id, Identity } from "../jmap/types.ts";
import type { AccountOf } from "./account.ts";
import type { EmailHead, Receipts } from "./types.ts";

/** The keyword that says that it was told, or that it isn't to be (RFC 3503 §3.1). */
export const TOLD = "$mdnsent";

export class ReceiptsOf implements Receipts {
	readonly #account: AccountOf;

	constructor(account: AccountOf) {
		this.#account = account;
	}

	/** As whom: the one whom the message was sent to. */
	#identityOf(head: EmailHead | null): Identity | null {
		const wanted = [...(head?.to ?? []), ...(head?.cc ?? []), ...(head?.bcc ?? [])].map(({ email }) => email.toLowerCase());
		return this.#account.identities.value.find(({ email }) => wanted.includes(email.toLowerCase())) ?? this.#account.identity(null);
	}

	async send(id: Id, words: { subject: string; text: string }, automatic: boolean): Promise<Result<void>> {
		const { engine, identities } = this.#account;
		if (identities.value.length === 0) await identities.load();
		const identity = this.#identityOf(engine.cache.head(id));
		if (!identity) return bad("refused", "noIdentity", "there is no identity to answer as");
		const receipt = {
			forEmailId: id, subject: words.subject, textBody: words.text, includeOriginalMessage: false,
			disposition: { actionMode: automatic ? "automatic-action" : "manual-action", sendingMode: automatic ? "mdn-sent-automatically" : "mdn-sent-manually", type: "displayed" },
		};
		const done = await engine.client.call(engine.account, "MDN/send", { identityId: identity.id, send: { r: receipt }, onSuccessUpdateEmail: { "#r": { [`keywords/${TOLD}`]: true } } });
		if (!done.ok) return done;
		const refused = done.value.notSent?.["r"];
		if (refused && refused.type !== "mdnAlreadySent") return { ok: false, error: failureOf(refused) };
		await engine.sync();
		return good(undefined);
	}

	decline(id: Id): void {
		this.#account.acts.label([id], TOLD, true);
	}
}
