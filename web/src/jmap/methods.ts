/* The methods that pages call: their arguments and answers, and which capability each type is of. The names are the protocol's. */
import type {
	AddressBook, BlobUpload, CardCondition, ChangesResponse, Comparator, ContactCard, Email, EmailFilter, EmailStory, EmailSubmission, Filter, GetResponse, Id, Identity, Mailbox,
	PushSubscription, QuarantinedEmail, QueryChangesResponse, QueryResponse, Quota, RecoverableEmail, SearchSnippet, SetError, SetResponse, Thread, VacationResponse,
} from "./types.ts";

/** Where an argument comes from a former call of the request (RFC 8620 §3.7). */
export interface Reference {
	resultOf: string;
	name: string;
	path: string;
}

/** Arguments, each of which may be a reference instead: `"#ids": …`. The account is put in when it is sent. */
type Referable<T> = T & { [K in keyof T & string as `#${K}`]?: Reference };

export interface GetArguments {
	ids?: Id[] | null;
	properties?: string[] | null;
}
export interface EmailGetArguments extends GetArguments {
	bodyProperties?: string[];
	fetchTextBodyValues?: boolean;
	fetchHTMLBodyValues?: boolean;
	fetchAllBodyValues?: boolean;
	maxBodyValueBytes?: number;
}
export interface ChangesArguments {
	sinceState: string;
	maxChanges?: number;
}
export interface SetArguments {
	ifInState?: string | null;
	create?: Record<string, object> | null;
	update?: Record<Id, object> | null;
	destroy?: Id[] | null;
}
export interface QueryArguments<F> {
	filter?: F | null;
	sort?: Comparator[] | null;
	position?: number;
	anchor?: Id | null;
	anchorOffset?: number;
	limit?: number;
	calculateTotal?: boolean;
}
export interface QueryChangesArguments<F> {
	filter?: F | null;
	sort?: Comparator[] | null;
	sinceQueryState: string;
	maxChanges?: number;
	upToId?: Id | null;
	calculateTotal?: boolean;
}

type Get<T, A = GetArguments> = { arguments: A; response: GetResponse<T> };
type Changes = { arguments: ChangesArguments; response: ChangesResponse };
type Set<T, A = SetArguments> = { arguments: A; response: SetResponse<T> };
type Query<F, More = object> = { arguments: QueryArguments<F> & More; response: QueryResponse };
type QueryChanges<F, More = object> = { arguments: QueryChangesArguments<F> & More; response: QueryChangesResponse };

export interface Methods {
	"Core/echo": { arguments: Record<string, unknown>; response: Record<string, unknown> };
	"Blob/upload": {
		arguments: { create: Record<string, { data: ({ blobId: Id; offset?: number; length?: number } | { "data:asText": string } | { "data:asBase64": string })[]; type?: string | null }> };
		response: { created: Record<string, BlobUpload> | null; notCreated: Record<string, SetError> | null };
	};
	"Blob/get": { arguments: GetArguments & { offset?: number; length?: number }; response: GetResponse<{ id: Id; size: number; "data:asText"?: string | null; "data:asBase64"?: string }> };
	"Mailbox/get": Get<Mailbox>;
	"Mailbox/changes": Changes;
	"Mailbox/set": Set<Mailbox, SetArguments & { onDestroyRemoveEmails?: boolean }>;
	"Thread/get": Get<Thread>;
	"Thread/changes": Changes;
	"Email/get": Get<Email, EmailGetArguments>;
	"Email/changes": Changes;
	"Email/query": Query<EmailFilter, { collapseThreads?: boolean }>;
	"Email/queryChanges": QueryChanges<EmailFilter, { collapseThreads?: boolean }>;
	"Email/set": Set<Email>;
	"Email/import": {
		arguments: { emails: Record<string, { blobId: Id; mailboxIds: Record<Id, true>; keywords?: Record<string, true>; receivedAt?: string }> };
		response: { created: Record<string, { id: Id; blobId: Id; threadId: Id; size: number }> | null; notCreated: Record<string, SetError> | null };
	};
	"Email/parse": {
		arguments: { blobIds: Id[]; properties?: string[] } & Omit<EmailGetArguments, "ids">;
		response: { parsed: Record<Id, Email> | null; notParsable: Id[] | null; notFound: Id[] | null };
	};
	"SearchSnippet/get": { arguments: { filter: EmailFilter | null; emailIds: Id[] }; response: { list: SearchSnippet[]; notFound: Id[] | null } };
	"Identity/get": Get<Identity>;
	"Identity/changes": Changes;
	"Identity/set": Set<Identity>;
	"EmailSubmission/get": Get<EmailSubmission>;
	"EmailSubmission/changes": Changes;
	"EmailSubmission/query": Query<Filter<{ identityIds?: Id[]; emailIds?: Id[]; threadIds?: Id[]; undoStatus?: string; before?: string; after?: string }>>;
	"EmailSubmission/set": Set<EmailSubmission, SetArguments & { onSuccessUpdateEmail?: Record<string, object> | null; onSuccessDestroyEmail?: string[] | null }>;
	"MDN/send": {
		arguments: { identityId: Id; send: Record<string, object>; onSuccessUpdateEmail?: Record<string, object> | null };
		response: { sent: Record<string, object> | null; notSent: Record<string, SetError> | null };
	};
	"EmailStory/get": { arguments: { ids: Id[] }; response: { list: EmailStory[]; notFound: Id[] } };
	"Spelling/check": {
		arguments: { words: string[]; languages: string[]; suggestions?: number };
		response: { wrong: { word: string; suggestions: string[] | null }[] };
	};
	"Spelling/words": { arguments: object; response: { words: string[] } };
	"Spelling/learn": { arguments: { add?: string[] | null; remove?: string[] | null }; response: { words: string[] } };
	"VacationResponse/get": Get<VacationResponse>;
	"VacationResponse/set": Set<VacationResponse>;
	"Quota/get": Get<Quota>;
	"AddressBook/get": Get<AddressBook>;
	"AddressBook/changes": Changes;
	"AddressBook/set": Set<AddressBook, SetArguments & { onDestroyRemoveContents?: boolean; onSuccessSetIsDefault?: Id | null }>;
	"ContactCard/get": Get<ContactCard>;
	"ContactCard/changes": Changes;
	"ContactCard/query": Query<Filter<CardCondition>>;
	"ContactCard/set": Set<ContactCard>;
	"RecoverableEmail/query": Query<never>;
	"RecoverableEmail/get": Get<RecoverableEmail>;
	"RecoverableEmail/restore": { arguments: { ids: Id[]; mailboxId: Id | null }; response: { restored: Record<Id, object> | null; notRestored: Record<Id, SetError> | null } };
	"QuarantinedEmail/query": Query<never>;
	"QuarantinedEmail/get": Get<QuarantinedEmail>;
	"QuarantinedEmail/release": { arguments: { ids: Id[] }; response: { released: Id[] | null; notReleased: Record<Id, SetError> | null } };
	"QuarantinedEmail/set": Set<QuarantinedEmail>;
	"PushSubscription/get": { arguments: GetArguments; response: { list: PushSubscription[]; notFound: Id[] } };
	"PushSubscription/set": Set<PushSubscription>;
}
export type MethodName = keyof Methods;
export type ArgumentsOf<M extends MethodName> = Referable<Methods[M]["arguments"]>;
export type ResponseOf<M extends MethodName> = Methods[M]["response"];

export const CORE = "urn:ietf:params:jmap:core";
export const MAIL = "urn:ietf:params:jmap:mail";
/** What is kept of removed mail, and strangers' mail that was set apart, which are this server's own (docs/jmap.md). */
export const RECOVERY = "urn:pombal:params:jmap:recovery", QUARANTINE = "urn:pombal:params:jmap:quarantine";
/** What became of messages, and spelling: this server's own (docs/jmap.md). */
export const STORY = "urn:pombal:params:jmap:story", SPELLING = "urn:pombal:params:jmap:spelling";
const capabilities: Record<string, string> = {
	Core: CORE, Blob: "urn:ietf:params:jmap:blob", Mailbox: MAIL, Thread: MAIL, Email: MAIL, SearchSnippet: MAIL,
	EmailStory: STORY, Spelling: SPELLING,
	Identity: "urn:ietf:params:jmap:submission", EmailSubmission: "urn:ietf:params:jmap:submission", MDN: "urn:ietf:params:jmap:mdn",
	VacationResponse: "urn:ietf:params:jmap:vacationresponse", Quota: "urn:ietf:params:jmap:quota",
	AddressBook: "urn:ietf:params:jmap:contacts", ContactCard: "urn:ietf:params:jmap:contacts", PushSubscription: CORE,
	RecoverableEmail: RECOVERY, QuarantinedEmail: QUARANTINE,
};

/** Emails that sleep, which is this server's own (docs/jmap.md). */
export const SNOOZE = "urn:pombal:params:jmap:snooze";
export const PUSH = "urn:ietf:params:jmap:webpush-vapid", EMAIL_PUSH = "urn:ietf:params:jmap:emailpush";
/** What adds to a type, where the server has it. */
const additions: Record<string, string[]> = { Email: [SNOOZE], PushSubscription: [PUSH, EMAIL_PUSH] };

/** The capability that a method needs. */
export function capabilityOf(method: MethodName): string {
	return capabilities[method.slice(0, method.indexOf("/"))] ?? CORE;
}

/** Capabilities that a method can do more with. */
export function additionsTo(method: MethodName): string[] {
	return additions[method.slice(0, method.indexOf("/"))] ?? [];
}

/** Methods of no account (RFC 8620 §7.2). */
export function isOfAccount(method: MethodName): boolean {
	return !method.startsWith("PushSubscription/") && method !== "Core/echo";
}

/** May it be asked again if nobody knows whether it was done? Creating and sending may not. */
export function isRepeatable(method: MethodName, given: Record<string, unknown>): boolean {
	if (method === "Email/import" || method === "MDN/send") return false;
	return !method.endsWith("/set") || !given["create"] || Object.keys(given["create"]).length === 0;
}
