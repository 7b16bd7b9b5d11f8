/* Libraries of others that few processes of ours use. A library that a program is linked with costs each of its processes pages of
 * memory, whether it is used or not: relocated tables, its data. So those that most roles never call are loaded by the first call
 * of one of their functions.
 *
 * A file beside this one stands for each: it defines those functions of the library that we call, with their own names, so that
 * whoever calls them includes the library's header and needn't know. The library is found where the system's linker finds it, all its
 * functions are bound when it is loaded, and it stays. Without it the process ends: a package is missing, which the installation
 * asks for. */
#ifndef LAZY_LIBRARY_H
#define LAZY_LIBRARY_H

struct library {
	const char *name; /* "libunbound.so.8": with the version of the interface whose header we were built with */
	void *handle;
};

/** The function's address, kept in *found. Any thread; ends the process if there is none. */
void *library_function(struct library *library, void **found, const char *name);

/** Defines the function as one that calls the library's own. */
#define LIBRARY_FUNCTION(library, result, name, parameters, arguments)                                               \
	result name parameters                                                                                       \
	{                                                                                                            \
		static void *found;                                                                                  \
		return ((__typeof__(&name))library_function(&library, &found, #name))arguments;                      \
	}
#define LIBRARY_PROCEDURE(library, name, parameters, arguments)                                                      \
	void name parameters                                                                                         \
	{                                                                                                            \
		static void *found;                                                                                  \
		((__typeof__(&name))library_function(&library, &found, #name))arguments;                             \
	}

#endif
