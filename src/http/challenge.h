/* What a certificate authority wants to see at /.well-known/acme-challenge/TOKEN (http-01, RFC 8555 §8.3): one list for the process, which who
 * orders certificates sets. Any thread. */
#ifndef HTTP_CHALLENGE_H
#define HTTP_CHALLENGE_H

#include "base/buf.h"

struct http_challenge { struct slice token, answer; };
/** Puts this list (copied) in the place of the former. */
void http_challenge_set(const struct http_challenge *list, size_t count);
/** Appends the answer to that token; false: there is none. */
bool http_challenge_find(struct slice token, struct buf *answer);

#endif
