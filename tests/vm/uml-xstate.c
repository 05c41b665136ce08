/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into linux.uml where the processor's XSAVE area is larger than
 * User-mode Linux 6.1 has room for (2696 bytes; with AMX it is 11008).
 *
 * Reading a shorter register set is fine, but the host kernel takes only a
 * whole one back and says EFAULT to less, and the guest's first process dies
 * ("ptrace set fp regs failed, errno = 14"). Here a short one is completed
 * with zeros, which is what the missing components are: no guest program can
 * use AMX, as the guest kernel does not know the arch_prctl that allows it.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define XSTATE_MAX 65536
#define XSTATE_BV_OFFSET 512
/* TILECFG and TILEDATA: never in what the guest saved */
#define XSTATE_BV_AMX (UINT64_C(3) << 17)

static long raw_ptrace(long request, pid_t pid, void *addr, void *data)
{
	return syscall(SYS_ptrace, request, (long)pid, addr, data);
}

/* The size that the host wants, asked once; 0 when it cannot be known. */
static size_t whole_size(pid_t pid)
{
	static size_t size;
	static unsigned char probe[XSTATE_MAX];
	struct iovec iov = { probe, sizeof(probe) };

	if (size == 0 &&
	    raw_ptrace(PTRACE_GETREGSET, pid, (void *)NT_X86_XSTATE, &iov) == 0)
		size = iov.iov_len;
	return size;
}

static long set_xstate(pid_t pid, struct iovec *part)
{
	static unsigned char whole[XSTATE_MAX] __attribute__((aligned(64)));
	struct iovec iov = { whole, whole_size(pid) };
	uint64_t bv;

	if (part->iov_len >= iov.iov_len ||
	    part->iov_len < XSTATE_BV_OFFSET + sizeof(bv))
		return raw_ptrace(PTRACE_SETREGSET, pid, (void *)NT_X86_XSTATE,
				  part);
	/* what lies behind the part was never written: it is zero */
	memcpy(whole, part->iov_base, part->iov_len);
	memcpy(&bv, whole + XSTATE_BV_OFFSET, sizeof(bv));
	bv &= ~XSTATE_BV_AMX;
	memcpy(whole + XSTATE_BV_OFFSET, &bv, sizeof(bv));
	return raw_ptrace(PTRACE_SETREGSET, pid, (void *)NT_X86_XSTATE, &iov);
}

long ptrace(enum __ptrace_request request, ...)
{
	va_list ap;
	pid_t pid;
	void *addr, *data;
	long word, rc;

	va_start(ap, request);
	pid = va_arg(ap, pid_t);
	addr = va_arg(ap, void *);
	data = va_arg(ap, void *);
	va_end(ap);

	if (request == PTRACE_SETREGSET && (uintptr_t)addr == NT_X86_XSTATE &&
	    data != NULL)
		return set_xstate(pid, data);
	if (request < PTRACE_PEEKTEXT || request > PTRACE_PEEKUSER)
		return raw_ptrace(request, pid, addr, data);

	/* the system call writes the word, the C function returns it */
	rc = raw_ptrace(request, pid, addr, &word);
	if (rc < 0)
		return rc;
	errno = 0;
	return word;
}
