/** A gate: two columns under a lintel. */
export const Mark = () => (
  <svg
    width="18"
    height="18"
    viewBox="0 0 18 18"
    fill="none"
    stroke="currentColor"
    strokeWidth="1.75"
    aria-hidden="true"
  >
    <path d="M1.5 5.5h15M3 2.5h12M4.5 5.5V16M13.5 5.5V16M9 9v7" strokeLinecap="round" />
  </svg>
);
