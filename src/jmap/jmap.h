/* JMAP (RFC 8620) for the web role: what it answers over HTTP, and what it works with. */
#ifndef JMAP_JMAP_H
#define JMAP_JMAP_H

#include "http/http.h"
#include "store/store.h"

/** Tells clients of changes over the network (RFC 8620 §7.2). */
struct jmap_push;

/** What all requests work with. */
struct jmap_service {
	struct auth *auth;
	struct store *store;
	struct queue *queue;   /* what is sent is handed in here, */
	struct caller *policy; /* when it was shown there */
	struct caller *story;  /* who knows what became of a message */
	struct caller *speller; /* … how words are spelt, */
	unsigned languages;    /* in these: bits 1 << enum speller_language */
	struct jmap_push *push; /* NULL: push subscriptions aren't had */
};

/** Begins to tell push subscriptions what has changed; over `channel`, which it takes over, messages go to the push role. */
struct jmap_push *jmap_push_start(const struct jmap_service *service, int channel);
/** Who may sign in to an account has changed; empty: of any. Any thread. */
void jmap_push_hear(struct jmap_push *push, struct slice account);
/** How many accounts have subscriptions. Any thread. */
uint64_t jmap_push_count(const struct jmap_push *push);
/** When no request runs any more. Sets *push to NULL. */
void jmap_push_stop(struct jmap_push **push);

/** The table of what is asked for over HTTP; its context is a struct jmap_service. */
extern const struct http_route jmap_routes[];
extern const size_t jmap_route_count;

/** What Email/query sorts and filters by that only the structure of a message says, for the index. */
void jmap_email_keys(const struct mime_part *root, struct arena *arena, struct email_keys *keys);

#endif
