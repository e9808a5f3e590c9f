import { useQuery } from "@tanstack/react-query";
import { sentence } from "../api/client";
import { Dialog } from "../ui/Dialog";
import { authStatus } from "./calls";
import { Devices } from "./Devices";
import { Logins } from "./Logins";
import { PasswordForm } from "./PasswordForm";
import styles from "./security.module.css";

/** Who may come in: the password, who is logged in, tokens of devices. */
export default function Security({ onClose }: { onClose: () => void }) {
  const { data, error } = useQuery({
    queryKey: ["auth"],
    queryFn: ({ signal }) => authStatus(signal),
    staleTime: 0,
    gcTime: 0,
  });
  return (
    <Dialog title="Security" onClose={onClose}>
      <div className={styles.parts}>
        {error ? <p className={styles.quiet}>It could not be read. {sentence(error)}</p> : null}
        {data && !data.auth_enabled ? (
          <p className={styles.quiet}>
            No password is set: everybody on this machine can use this page. With one you can also reach it from
            elsewhere.
          </p>
        ) : null}
        {data?.auth_enabled ? (
          <>
            <Logins />
            <Devices />
          </>
        ) : null}
        {data ? <PasswordForm present={data.auth_enabled} fixed={data.password_from_environment} /> : null}
      </div>
    </Dialog>
  );
}
