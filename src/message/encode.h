/* Writing bodies in transfer encodings (RFC 2045 §6), piece by piece. */
#ifndef MESSAGE_ENCODE_H
#define MESSAGE_ENCODE_H

#include "message/downgrade.h"

enum { OUTPUT_BLOCK = 8 * 1024 };

/** What is written, on its way to a sink in blocks. Zero-initialise it but for the sink. */
struct mime_output {
	message_sink *sink;
	void *context;
	bool stopped; /* the sink wants no more */
	size_t len;
	char block[OUTPUT_BLOCK];
};

void mime_output_put(struct mime_output *output, struct slice bytes);
void mime_output_put_char(struct mime_output *output, char c);
/** False if the sink wanted no more, now or before. */
bool mime_output_flush(struct mime_output *output);

/** Quoted-printable of text: line ends of any kind become CRLF. `quoted`: it is quoted-printable already, and only what can't be
 * sent of it is changed. A last line without an end has none after it. */
void mime_encode_quoted_printable(struct mime_output *output, struct slice body, bool quoted);
/** Base64 in lines of 76, the last without an end. `text`: line ends of any kind become CRLF first (RFC 2045 §6.8). */
void mime_encode_base64(struct mime_output *output, struct slice body, bool text);
/** Base64 that is base64 already, but not in lines of 76: what isn't of its alphabet is left out. */
void mime_encode_base64_again(struct mime_output *output, struct slice body);

#endif
