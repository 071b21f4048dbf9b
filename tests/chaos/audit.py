"""A trail of moves that rows forget: triggers that write down each that no promise allows."""

# Rows of `audit` are violations; `stopped` has turns that were claimed only to be ended.
AUDIT = """
CREATE TABLE audit (what text);
CREATE TABLE stopped (turn uuid);
CREATE FUNCTION audit_version() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO audit VALUES (format('version %s -> %s, messages %s -> %s',
        OLD.version, NEW.version, OLD.next_message, NEW.next_message));
    RETURN NEW;
END $$;
CREATE TRIGGER audit_version AFTER UPDATE ON conversations_conversation FOR EACH ROW WHEN (
    NEW.version NOT IN (OLD.version, OLD.version + 1)
    OR NEW.next_message < OLD.next_message
    OR NEW.next_message > OLD.next_message AND NEW.version = OLD.version
) EXECUTE FUNCTION audit_version();
CREATE FUNCTION audit_state() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO audit VALUES (format('turn %s: %s -> %s, twice', OLD.id, OLD.state, NEW.state));
    RETURN NEW;
END $$;
CREATE TRIGGER audit_state AFTER UPDATE ON conversations_turn FOR EACH ROW WHEN (
    OLD.finished IS NOT NULL AND (OLD.state, OLD.finished, OLD.last_event)
        IS DISTINCT FROM (NEW.state, NEW.finished, NEW.last_event)
    OR (OLD.state, NEW.state) = ('queued', 'completed')
) EXECUTE FUNCTION audit_state();
CREATE FUNCTION audit_running() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO audit SELECT format('turns %s and %s run at once', id, NEW.id)
    FROM conversations_turn WHERE conversation_id = NEW.conversation_id AND id <> NEW.id
        AND state IN ('running', 'waiting');
    RETURN NEW;
END $$;
CREATE TRIGGER audit_running AFTER UPDATE ON conversations_turn FOR EACH ROW
    WHEN (NEW.state IN ('running', 'waiting')) EXECUTE FUNCTION audit_running();
CREATE FUNCTION audit_message() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO audit VALUES (format('message %s was rewritten', OLD.id)); RETURN NEW;
END $$;
CREATE TRIGGER audit_message AFTER UPDATE ON conversations_message FOR EACH ROW
    WHEN (NEW.payload <> OLD.payload OR NEW.number <> OLD.number) EXECUTE FUNCTION audit_message();
CREATE FUNCTION audit_stopped() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO stopped VALUES (NEW.id); RETURN NEW;
END $$;
CREATE TRIGGER audit_stopped AFTER UPDATE ON conversations_turn FOR EACH ROW WHEN (
    OLD.cancel_requested <> 'none' AND (OLD.state, NEW.state) = ('queued', 'running')
) EXECUTE FUNCTION audit_stopped();
CREATE FUNCTION audit_heeded() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO audit SELECT format('turn %s was claimed to be stopped, and completed', turn)
    FROM stopped WHERE turn = NEW.id;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_heeded AFTER UPDATE ON conversations_turn FOR EACH ROW
    WHEN (NEW.state = 'completed') EXECUTE FUNCTION audit_heeded();
"""
