/* JMAP (RFC 8620) for the web role: what it answers over HTTP, and what it works with. */
#ifndef JMAP_JMAP_H
#define JMAP_JMAP_H

#include "http/http.h"
#include "store/store.h"

/** What all requests work with. */
struct jmap_service {
	struct auth *auth;
	struct store *store;
	struct queue *queue;   /* what is sent is handed in here, */
	struct caller *policy; /* when it was shown there */
};

/** The table of what is asked for over HTTP; its context is a struct jmap_service. */
extern const struct http_route jmap_routes[];
extern const size_t jmap_route_count;

#endif
