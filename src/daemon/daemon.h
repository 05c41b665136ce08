/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_H
#define DAEMON_H

/* All of it: options, start, run, stop. Returns the exit code. */
int daemon_main(int argc, char *argv[]);

#endif
