/* The two fields: what they say, and the form in which they are signed. */
#ifndef DKIM2_FIELD_H
#define DKIM2_FIELD_H

#include "dkim2/dkim2.h"
#include "message/header.h"

/** One value of s=. */
struct dkim2_value {
	struct slice selector;
	bool known;               /* the algorithm is */
	enum dkim_algorithm algorithm;
	struct slice bytes;
	struct slice key;         /* the key's name in the DNS */
};

struct dkim2_signature {
	uint64_t number, instance; /* i=, m= */
	int64_t made;
	struct slice domain;       /* in ASCII */
	struct slice from;         /* with brackets; likewise the next */
	struct slice *recipients;
	size_t recipient_count;
	unsigned flags;
	struct dkim2_value values[DKIM2_VALUES_MAX];
	size_t value_count;
	struct slice text;         /* the field as it is signed by those who come later … */
	struct slice unsigned_text; /* … and by itself: without its values */
	const char *wrong;         /* the tag that a fault is about, or NULL */
};

/** Message-Instance. */
struct dkim2_state {
	uint64_t number;           /* m= */
	bool hashed;               /* there are hashes of a known kind */
	struct slice header_hash, body_hash; /* DKIM_DIGEST_SIZE bytes each */
	struct slice recipe;       /* r=, decoded; at NULL: there is none */
	struct slice text;
	const char *wrong;
};

/** DKIM2_VALID, or what is wrong with the field; then *out has what could be read. Slices are in the arena, or in the field. */
enum dkim2_reason dkim2_signature_read(const struct header_field *field, struct arena *arena, struct dkim2_signature *out);
enum dkim2_reason dkim2_state_read(const struct header_field *field, struct arena *arena, struct dkim2_state *out);

/** A field as it is signed: its name in small letters, without white space, with CR LF (DKIM2 "Calculate a Signature Value"). */
struct slice dkim2_field_text(struct slice whole, struct arena *arena);

/** The domain of a path with or without brackets; empty if it has none. */
struct slice dkim2_path_domain(struct slice path);
/** Is `domain` the other, or below it (DKIM2 "The Relaxed Domain Match Algorithm")? */
bool dkim2_domain_is_within(struct slice domain, struct slice of);

/** May who signs as `domain` and sends as `from` (with brackets) have had the message by signature `before`? Its domain, or one above it, must be among
 * the recipients'; where nobody is named as the sender, `domain` counts. */
bool dkim2_follows(const struct dkim2_signature *before, struct slice from, struct slice domain, struct arena *arena);

/** All of a message's: by their numbers. */
struct dkim2_fields {
	struct dkim2_signature signatures[DKIM2_SIGNATURES_MAX]; /* i=1 first */
	struct dkim2_state states[DKIM2_SIGNATURES_MAX];         /* m=1 first */
	size_t signature_count, state_count;
	/* what is wrong, if anything is */
	bool wrong_state;          /* it is about a Message-Instance */
	uint64_t wrong_number;     /* 0: it has none that can be read */
	const char *wrong_tag;     /* or NULL */
};

/** Reads them. DKIM2_VALID: all are there, without gaps, and each instance is signed; DKIM2_ABSENT: there are none; or what is wrong. */
enum dkim2_reason dkim2_fields_read(struct slice header, struct arena *arena, struct dkim2_fields *fields);
/** Adds to a hash all that signature `index` signs, itself excepted. */
void dkim2_fields_hash(const struct dkim2_fields *fields, size_t index, uint64_t instance, EVP_MD_CTX *hash);

#endif
