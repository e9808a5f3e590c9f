import "../app/fonts.css";
import "../app/tokens.css";
import "../app/base.css";
import "./login.css";
import { ApiError, post, sentence } from "../api/client";
import { nextPath } from "./next";

function part<T extends Element>(selector: string): T {
  const found = document.querySelector<T>(selector);
  if (found === null) throw new Error(`The page has no ${selector}`);
  return found;
}

const form = part<HTMLFormElement>("form");
const password = part<HTMLInputElement>("#password");
const problem = part<HTMLElement>("#problem");
const enter = part<HTMLButtonElement>(".enter");
const show = part<HTMLButtonElement>(".show");

form.addEventListener("submit", (event) => {
  event.preventDefault();
  void logIn();
});

password.addEventListener("input", () => say(""));

show.addEventListener("click", () => {
  const shown = password.type === "password";
  password.type = shown ? "text" : "password";
  show.textContent = shown ? "Hide" : "Show";
  show.setAttribute("aria-pressed", String(shown));
  show.setAttribute("aria-label", shown ? "Hide the password" : "Show the password");
  password.focus();
});

password.focus();

async function logIn(): Promise<void> {
  if (enter.disabled) return;
  if (password.value === "") return refuse("Enter your password.");
  enter.disabled = true;
  enter.textContent = "Checking …";
  say("");
  try {
    await post("api/auth/login", { password: password.value });
    location.replace(nextPath(location.search, location.hash));
  } catch (error) {
    enter.disabled = false;
    enter.textContent = "Log in";
    refuse(words(error));
  }
}

function words(error: unknown): string {
  if (error instanceof ApiError && error.status === 401) return "That is not the password. Try again.";
  const said = sentence(error);
  return said.endsWith(".") ? said : `${said}.`;
}

function refuse(why: string): void {
  say(why);
  password.focus();
  password.select();
}

function say(why: string): void {
  problem.textContent = why;
  password.setAttribute("aria-invalid", String(why !== ""));
}
