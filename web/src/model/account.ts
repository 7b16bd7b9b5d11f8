/* The mail of one account: puts the parts together. */
import type { Client } from "../jmap/client.ts";
import { FilesOf } from "../jmap/files.ts";
import type { Id, Identity } from "../jmap/types.ts";
import { ActsOf } from "./acts.ts";
import { AddressesOf } from "./addresses.ts";
import { HeldOf, RecoverableOf } from "./apart.ts";
import { prune } from "./cache.ts";
import { ContactsOf } from "./contacts.ts";
import type { Database } from "./database.ts";
import { DraftsOf } from "./drafts.ts";
import { Engine } from "./engine.ts";
import type { Host } from "./host.ts";
import { ListOf, queryKey } from "./list.ts";
import { MailboxesOf } from "./mailboxes.ts";
import { MessagesOf } from "./messages.ts";
import { IdentitiesOf, QuotasOf, VacationOf } from "./objects.ts";
import { OutboxOf } from "./outbox.ts";
import { ReceiptsOf } from "./receipts.ts";
import { SearchOf } from "./search.ts";
import { SettingsOf } from "./settings.ts";
import { SpellingOf } from "./spelling.ts";
import type { Account, List, ListQuery } from "./types.ts";

/** When this device's memory is looked through; milliseconds after the start. */
const PRUNE_AFTER = 30_000;

export class AccountOf implements Account {
	readonly id: Id;
	readonly at: string;
	readonly name: string;
	readonly host: Host;
	readonly engine: Engine;
	readonly connection: Engine["connection"];
	readonly mailboxes: MailboxesOf;
	readonly acts: ActsOf;
	readonly messages: MessagesOf;
	readonly drafts: DraftsOf;
	readonly outbox: OutboxOf;
	readonly receipts: ReceiptsOf;
	readonly search: SearchOf;
	readonly contacts: ContactsOf;
	readonly addresses: AddressesOf;
	readonly spelling: SpellingOf;
	readonly settings: SettingsOf;
	readonly identities: IdentitiesOf;
	readonly vacation: VacationOf;
	readonly quotas: QuotasOf;
	readonly recoverable: RecoverableOf;
	readonly held: HeldOf;
	readonly files: FilesOf;
	readonly #lists = new Map<string, ListOf>();
	#timer: ReturnType<typeof setTimeout> | null = null;

	constructor(client: Client, id: Id, name: string, db: Database, host: Host) {
		this.id = id;
		this.at = client.at;
		this.name = name;
		this.host = host;
		this.engine = new Engine(client, id, db, host);
		this.connection = this.engine.connection;
		this.mailboxes = new MailboxesOf(this.engine);
		this.acts = new ActsOf(this.engine, this.mailboxes);
		this.messages = new MessagesOf(this.engine);
		this.files = new FilesOf(client, id);
		this.spelling = new SpellingOf(this.engine);
		this.settings = new SettingsOf(this.engine);
		this.identities = new IdentitiesOf(this.engine);
		this.vacation = new VacationOf(this.engine);
		this.quotas = new QuotasOf(this.engine);
		this.recoverable = new RecoverableOf(this.engine);
		this.held = new HeldOf(this.engine);
		this.contacts = new ContactsOf(this.engine);
		this.drafts = new DraftsOf(this);
		this.outbox = new OutboxOf(this);
		this.receipts = new ReceiptsOf(this);
		this.search = new SearchOf(this);
		this.addresses = new AddressesOf(this);
	}

	/** What this device knows first, then the server. */
	async start(): Promise<void> {
		await this.settings.start();
		await this.acts.start();
		await this.drafts.start();
		await this.outbox.start();
		await this.engine.start();
		this.#timer = setTimeout(() => void this.#tidy(), PRUNE_AFTER);
		(this.#timer as { unref?: () => void }).unref?.();
	}

	async #tidy(): Promise<void> {
		await prune(this.engine.db, this.host.platform.now());
		this.engine.cache.trim(id => [...this.engine.followers].some(one => one.shows(id)));
	}

	/** What drafts and Message-IDs have behind the @. */
	get domain(): string {
		return this.name.split("@")[1] ?? "localhost";
	}

	/** The one that is asked for, or the account's own. */
	identity(id: Id | null): Identity | null {
		const all = this.identities.value;
		return all.find(one => one.id === id) ?? all.find(one => !one.mayDelete) ?? all[0] ?? null;
	}

	list(query: ListQuery): List {
		const key = queryKey(query), there = this.#lists.get(key) ?? new ListOf(this.engine, query, () => this.#lists.delete(key));
		this.#lists.set(key, there);
		return there.use();
	}

	async refresh(): Promise<void> {
		this.engine.wake();
		await this.engine.sync();
	}

	close(): void {
		if (this.#timer) clearTimeout(this.#timer);
		this.acts.close();
		this.settings.close();
		this.outbox.close();
		this.engine.close();
		this.drafts.close();
	}
}
