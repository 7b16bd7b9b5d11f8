/* Terms of a record and macros: what spf.c evaluates. Internal to this folder. */
#ifndef SPF_INTERNAL_H
#define SPF_INTERNAL_H

#include "spf/spf.h"

enum spf_kind { SPF_ALL, SPF_INCLUDE, SPF_A, SPF_MX, SPF_PTR, SPF_IP4, SPF_IP6, SPF_EXISTS, SPF_REDIRECT, SPF_EXP, SPF_UNKNOWN };

/* A mechanism or modifier (RFC 7208 §4.6.1). */
struct spf_term {
	enum spf_kind kind;
	char qualifier;               /* of a mechanism: '+', '-', '?', '~' */
	struct slice text;            /* as written */
	struct slice domain;          /* its domain-spec; empty: none */
	unsigned char network[16];    /* ip4: the first 4 bytes; ip6 */
	unsigned prefix4, prefix6;    /* bits that count */
};

/** Is it an SPF record (RFC 7208 §4.5)? *terms: what stands after the version. */
bool spf_record_is(struct slice text, struct slice *terms);
/** Takes the next term off *terms; false at the end, or with *broken where it isn't one. */
bool spf_record_next(struct slice *terms, struct spf_term *term, bool *broken);

/** Is it a macro-string (RFC 7208 §7.1)? In the text of an explanation there may be spaces and the macros c, r and t. */
bool spf_macro_is_string(struct slice text, bool explanation);
/** Is it a domain-spec? */
bool spf_macro_is_domain(struct slice text);

/* What macros stand for (RFC 7208 §7.2). */
struct spf_values {
	struct slice local, sender_domain, domain, helo, receiver;
	struct slice client; /* 4 or 16 bytes */
	struct slice name;   /* of the client, verified: %{p} */
	int64_t now;
};
/** Does %{p} occur? */
bool spf_macro_needs_name(struct slice text);
/** Do %{s} or %{l} occur? */
bool spf_macro_needs_local(struct slice text);
/** Expands a sound domain-spec to the name that is asked for: of what is too long, labels go at the left (RFC 7208 §7.3). */
struct slice spf_macro_expand_domain(struct slice text, const struct spf_values *values, struct arena *arena);
/** Expands the text of an explanation. Empty: it isn't one, or too long. */
struct slice spf_macro_expand_text(struct slice text, const struct spf_values *values, struct arena *arena);

#endif
