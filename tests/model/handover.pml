/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The handover of version 4 (docs/spec/migration-stream.md, "Return path and handover"), with a channel that may
 * break at any message, one process that may die at any step, a device or disk that fails at the
 * destination, and an operator. test-handover.py runs it, and with each of the faults below
 * (-D) it must find an error, so that the claims are known to bite.
 *
 *   never two   at most one copy of the guest runs, at every step
 *   never none  a source that lives holds the guest, unless the destination ran it; a destination that was ready and
 *               outlives its source holds it
 *   the end     when nothing moves any more, the guest runs somewhere, or `cont` would run it, or it died with the only
 *               process that ever had it
 *
 * States are those that query-migrate shows, with m_ before the name. Each change of state is noted, and the test compares
 * those that happen here with the table in migration/status.c: neither has one that the other lacks. The operator does
 * what docs/migration.md allows: `cont` in handover-lost only where the other side is known not to run.
 */

mtype:status = { m_active, m_device, m_handover, m_handover_lost, m_completed, m_failed, m_cancelled };
mtype:message = { STATE, READY, GO, SHUT0, SHUT1, ABORT };

chan forward = [2] of { mtype:message };
chan back = [2] of { mtype:message };

mtype:status src = m_active;
mtype:status dst = m_active;
bool src_alive = true, dst_alive = true;
bool src_runs = true, dst_runs = false;
bool src_whole = true, dst_whole = false; /* all of the guest is in that process, and may still be run there */
bool was_ready = false, dst_ran = false;
bool cut = false; /* nothing is sent any more; what was under way may be lost */

#define CHECK assert(!(src_runs && dst_runs)); assert(!src_alive || src_whole || dst_ran); \
              assert(src_alive || !dst_alive || !was_ready || dst_whole)

c_decl {
    /* Prints each change of state once; the numbers are spin's for the names. */
    static char noted[2][256][256];
    static int before;
    static void note(int side, int from, int to)
    {
        if (!noted[side][from][to]) {
            noted[side][from][to] = 1;
            printf("change %d %d %d\n", side, from, to);
        }
    }
}
#define SRC(to) c_code { before = now.src; }; src = to; c_code { note(0, before, now.src); }
#define DST(to) c_code { before = now.dst; }; dst = to; c_code { note(1, before, now.dst); }
#define NAME(state) src = m_##state; c_code { printf("name %d %s\n", now.src, #state); }
#define RESUME(how) SRC(how); src_runs = true; CHECK

/* The source gives up by itself, and says so if it can. */
#define GIVE_UP(how) RESUME(how); if :: !cut -> forward!ABORT; :: cut; fi; cut = true

/* Up to READY: the source may always resume. */
inline precopy()
{
    if
    :: atomic { SRC(m_device); src_runs = false; } /* the guest stops for its last state */
    :: atomic { cut -> SRC(m_failed); } goto source_out;
    :: atomic { GIVE_UP(m_cancelled); } goto source_out;
    :: atomic { GIVE_UP(m_failed); } goto source_out; /* a RAM block changed */
    fi;
    if
    :: atomic { !cut -> forward!STATE; }
    :: atomic { cut -> RESUME(m_failed); } goto source_out;
    fi;
    if
    :: atomic { back?READY; }
    :: atomic { back?SHUT1 -> RESUME(m_failed); } goto source_out;
    :: atomic { cut && empty(back) -> RESUME(m_failed); } goto source_out;
    :: atomic { GIVE_UP(m_cancelled); } goto source_out; /* migrate_cancel */
    :: atomic { GIVE_UP(m_failed); } goto source_out;    /* a deadline, a RAM block that changed */
    fi;
}

proctype Source()
{
    {
        precopy();
        atomic { SRC(m_handover); } /* the disks are given up */
        if
        :: atomic { !cut -> forward!GO; }
        :: cut;
        fi;
        if
        :: atomic { back?SHUT0 -> SRC(m_completed); src_whole = false; CHECK; }
        :: atomic { back?SHUT1 -> RESUME(m_failed); }
#ifdef FAULT_RESUMES_AFTER_GO
        :: atomic { cut && empty(back) -> RESUME(m_failed); }
#else
        :: atomic { cut && empty(back) -> SRC(m_handover_lost); CHECK; }
#endif
        fi;
source_out:
        skip;
    } unless { !src_alive };
}

/* ERROR and SHUT 1, if they can still be sent. */
inline give_up()
{
    atomic {
        DST(m_failed);
#ifdef FAULT_DROPS_COPY
        dst_whole = false;
#endif
        if
        :: !cut -> back!SHUT1;
        :: cut;
        fi;
        CHECK;
    }
}

proctype Destination()
{
    {
        if
        :: atomic { forward?STATE; }
        :: atomic { forward?ABORT -> DST(m_failed); } goto destination_out;
        :: atomic { cut && empty(forward) -> DST(m_failed); } goto destination_out;
        fi;
        if
        :: give_up(); goto destination_out; /* does not load */
        :: atomic { dst_whole = true; was_ready = true; }
        fi;
        if
        :: atomic { !cut -> back!READY; }
        :: atomic { cut -> DST(m_handover_lost); CHECK; } goto destination_out;
        fi;
#ifndef FAULT_NO_GO
        if
        :: atomic { forward?GO; }
        :: atomic { forward?ABORT -> DST(m_failed); CHECK; } goto destination_out; /* the source has it back */
#ifdef FAULT_DROPS_COPY
        :: atomic { cut && empty(forward) -> DST(m_failed); dst_whole = false; CHECK; } goto destination_out;
#else
        :: atomic { cut && empty(forward) -> DST(m_handover_lost); CHECK; } goto destination_out;
#endif
        fi;
#endif
        if
        :: give_up(); goto destination_out; /* a disk or a device that will not run */
        :: atomic { dst_runs = true; dst_ran = true; CHECK; }
        fi;
        if
        :: atomic { !cut -> back!SHUT0; DST(m_completed); }
        :: atomic { cut -> DST(m_completed); }
        fi;
destination_out:
        skip;
    } unless { !dst_alive };
}

/* A cut loses any number of the messages that are under way. */
proctype Network()
{
    if
    :: cut = true;
       do
       :: atomic { nempty(forward) -> forward?_; }
       :: atomic { nempty(back) -> back?_; }
       :: break;
       od;
    :: skip;
    fi;
}

/* kill -9, or the power of a host: what it had under way may arrive or not, the other side sees a cut. */
proctype Reaper()
{
    if
    :: atomic { src_alive = false; src_runs = false; cut = true; CHECK; }
    :: atomic { dst_alive = false; dst_runs = false; cut = true; CHECK; }
    :: skip;
    fi;
}

#define SRC_MAY_CONT (src_alive && !src_runs && src == m_handover_lost && src_whole && \
                      (!dst_alive || dst == m_failed || dst == m_handover_lost))
#define DST_MAY_CONT (dst_alive && dst_whole && (dst == m_handover_lost || dst == m_failed) && !src_alive)

proctype Operator()
{
    do
    :: atomic { SRC_MAY_CONT -> src_runs = true; CHECK; } /* the state stays what it is */
    :: atomic { DST_MAY_CONT -> DST(m_completed); dst_runs = true; dst_ran = true; CHECK; }
#ifdef FAULT_RASH_OPERATOR
    :: atomic { src_alive && !src_runs && src == m_handover_lost -> src_runs = true; CHECK; }
#endif
    :: timeout -> break;
    od;
    assert(src_runs || dst_runs ||
           (!src_alive && !was_ready) ||   /* it died with its source before there was a second copy */
           (!dst_alive && dst_ran) ||      /* it died where it ran */
           (src == m_cancelled) || !src_alive);
    assert(!dst_alive || src_alive || !was_ready || dst_runs);
}

init
{
    atomic {
        NAME(device);
        NAME(handover);
        NAME(handover_lost);
        NAME(completed);
        NAME(failed);
        NAME(cancelled);
        NAME(active);
        run Source();
        run Destination();
        run Network();
        run Reaper();
        run Operator();
    }
}
