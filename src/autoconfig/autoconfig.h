/* The documents from which mail clients set themselves up: what Thunderbird and its kin, Outlook and Apple's devices ask for when somebody has
 * typed an address, written from one plan; and the same read again, as those clients do, by who looks whether others find them. Pure: no
 * input or output, and nothing of HTTP; who serves them says whom an address belongs to. What comes from outside is held to strict bounds.
 *
 * Passwords stand in none of them: each client asks its user. */
#ifndef AUTOCONFIG_AUTOCONFIG_H
#define AUTOCONFIG_AUTOCONFIG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

enum {
	AUTOCONFIG_REQUEST_MAX = 16 * 1024,  /* bytes of a client's question */
	AUTOCONFIG_DOCUMENT_MAX = 64 * 1024, /* of any document here but a signed one, written or read */
	AUTOCONFIG_SIGNED_MAX = 256 * 1024,  /* of a signed profile, with its chain of certificates */
	AUTOCONFIG_SERVERS_MAX = 16,         /* servers that are read of a document */
	AUTOCONFIG_NAME_MAX = 60,            /* characters of a provider's name, and of its short one, as all formats allow them */
	AUTOCONFIG_SHORT_NAME_MAX = 20,
};

/* In the order in which clients shall prefer them. */
enum autoconfig_kind { AUTOCONFIG_IMAP, AUTOCONFIG_POP3, AUTOCONFIG_SUBMISSION, AUTOCONFIG_KINDS };
enum autoconfig_security {
	AUTOCONFIG_TLS,      /* from the first byte (RFC 8314 §3) */
	AUTOCONFIG_STARTTLS,
	AUTOCONFIG_PLAIN,    /* never */
	AUTOCONFIG_SECURITIES,
};
struct autoconfig_service {
	enum autoconfig_kind kind;
	enum autoconfig_security security;
	uint16_t port;
};

/* All that the documents tell. Texts may hold anything: they are escaped as each format has it, and what no format can hold is replaced. */
struct autoconfig_plan {
	struct slice address;       /* who asks, as UTF-8 or ASCII; empty: nobody in particular */
	struct slice name;          /* with which the account signs in; empty: its address, which clients put in where a format allows it */
	struct slice person;        /* the account's display name; may be empty */
	struct slice domain;        /* in UTF-8 */
	struct slice domain_ascii;  /* as A-labels */
	struct slice provider;      /* as people know it; empty: the domain */
	struct slice hostname;      /* of the server, as A-labels */
	const struct autoconfig_service *services; /* those that are offered, in any order */
	size_t service_count;
	struct slice origin;        /* "https://mail.example.org", as far as the configuration says: where JMAP is; empty: nowhere */
	bool oauth;                 /* programs are let in there with OAuth, besides passwords */
	struct slice issuer;        /* "https://mail.example.org": where programs are let in with OAuth, besides passwords; empty: nowhere */
	struct slice documentation; /* URL of a page for people; may be empty */
};

struct config;
/** What the configuration says of a domain: its names, the server's, the services that people can sign in to, and options. `domain` in UTF-8; the
 * plan's texts lie in the arena and in the configuration. Whoever asks is for the caller to put in. */
void autoconfig_plan_domain(const struct config *config, struct slice domain, struct arena *arena, struct autoconfig_plan *plan);
/** The port at which this server, or a proxy in front of it, gives these documents over TLS; 0: it doesn't. */
uint16_t autoconfig_web_port(const struct config *config);

/* ---- Thunderbird and its kin: Evolution, KMail, K-9, FairEmail, Delta Chat … ---- */

/** Appends config-v1.1.xml (draft-ietf-mailmaint-autoconfig-06, in the version 1.1 that all clients know): each service, IMAP before POP3, TLS
 * before STARTTLS. Media type text/xml. False: it passes the buffer's maximum, as everywhere here. */
bool autoconfig_write_client_config(const struct autoconfig_plan *plan, struct buf *out);

/* ---- Outlook: Autodiscover as plain old XML (MS-OXDSCLI) ---- */

enum autoconfig_schema {
	AUTOCONFIG_SCHEMA_OUTLOOK, /* …/outlook/responseschema/2006a, or 2006 */
	AUTOCONFIG_SCHEMA_MOBILE,  /* …/mobilesync/responseschema/2006: ActiveSync, which isn't offered */
	AUTOCONFIG_SCHEMA_OTHER,
};
struct autoconfig_request {
	struct slice address; /* valid, as address_parse() gives it; in the arena */
	enum autoconfig_schema schema;
};
/** Reads what a client has posted to /autodiscover/autodiscover.xml: at most AUTOCONFIG_REQUEST_MAX bytes of well-formed XML in UTF-8 without a
 * document type, with one EMailAddress and one AcceptableResponseSchema. False: the answer is AUTOCONFIG_FAULT_REQUEST. */
bool autoconfig_read_request(struct slice document, struct arena *arena, struct autoconfig_request *request, struct error *error);

/** Appends the answer for the schema OUTLOOK: the best service of each kind, since Outlook takes the first it finds. Media type text/xml. */
bool autoconfig_write_outlook(const struct autoconfig_plan *plan, struct buf *out);
/** Appends an answer that sends the client to ask anew: with another address, or at another URL. */
bool autoconfig_write_outlook_address(struct slice address, struct buf *out);
bool autoconfig_write_outlook_url(struct slice url, struct buf *out);

enum autoconfig_fault {
	AUTOCONFIG_FAULT_ADDRESS = 500,  /* no such address: its domain isn't ours */
	AUTOCONFIG_FAULT_REQUEST = 600,  /* the question can't be read */
	AUTOCONFIG_FAULT_PROVIDER = 601, /* any schema but OUTLOOK */
};
/** Appends what Exchange answers then. `now`: milliseconds since 1970. The HTTP status is 200. */
bool autoconfig_write_outlook_fault(enum autoconfig_fault fault, struct slice hostname, int64_t now, struct buf *out);

/** Appends the answer to /autodiscover/autodiscover.json?Protocol=…: where the XML is, for AutodiscoverV1. *known is false for any other protocol
 * and for none: what Exchange says then was appended, and the HTTP status is 400. Media type application/json. */
bool autoconfig_write_outlook_json(struct slice protocol, struct slice hostname, struct buf *out, bool *known);

/* ---- Apple: configuration profiles ---- */

/** Appends a profile (.mobileconfig, a property list as XML) with one mail account: IMAP, or else POP3, and submission; false also if either is
 * missing. Its UUIDs are made of address and hostname: who installs it anew replaces the account. Media type
 * application/x-apple-aspen-config. */
bool autoconfig_write_profile(const struct autoconfig_plan *plan, struct buf *out);
/** Appends the profile signed (CMS, DER), so that the device says from whom it is. `chain`, `key`: PEM, the server's own certificate first. */
bool autoconfig_sign_profile(struct slice profile, struct slice chain, struct slice key, struct buf *out, struct error *error);

/* ---- Any client, some day: PACC (draft-ietf-mailmaint-pacc-03) ----
 *
 * The document lies at https://ua-auto-config.DOMAIN/.well-known/user-agent-configuration.json, and its digest in the DNS, as TXT of
 * _ua-auto-config.DOMAIN. It is the same for everybody: of the plan nothing counts that is one person's. It names no ports: services count that
 * are offered over TLS at the ports that IANA has for them (993, 995, 465). */

/** Appends it. False also if it would name no service. Media type application/json. */
bool autoconfig_write_agents(const struct autoconfig_plan *plan, struct buf *out);
/** Appends the TXT record for a document: "v=UAAC1; a=sha256; d=…". */
bool autoconfig_write_agents_record(struct slice document, struct buf *out);
/** Is this such a record, and of this document? Tags in any order, unknown ones passed over. */
bool autoconfig_is_agents_record(struct slice record);
bool autoconfig_record_matches(struct slice record, struct slice document);

/* ---- Reading them, as clients do ---- */

struct autoconfig_server {
	enum autoconfig_kind kind;
	enum autoconfig_security security;
	uint16_t port;
	struct slice hostname; /* as written; in the arena */
};
struct autoconfig_found {
	struct autoconfig_server servers[AUTOCONFIG_SERVERS_MAX];
	size_t count;
	struct slice redirect_address, redirect_url; /* of Outlook's answers: ask anew; then there are no servers */
};
/** Reads config-v1.1.xml by the rules of Thunderbird, which takes nothing that lacks one of them. False with what is wrong. */
bool autoconfig_read_client_config(struct slice document, struct arena *arena, struct autoconfig_found *found, struct error *error);
/** Reads an answer of Autodiscover; one that says an error is an error. */
bool autoconfig_read_outlook(struct slice document, struct arena *arena, struct autoconfig_found *found, struct error *error);
/** Reads the document of PACC. */
bool autoconfig_read_agents(struct slice document, struct arena *arena, struct autoconfig_found *found, struct error *error);
/** "IMAP", "POP3", "submission"; "TLS", "STARTTLS", "no TLS". */
const char *autoconfig_kind_name(enum autoconfig_kind kind);
const char *autoconfig_security_name(enum autoconfig_security security);

#endif
