import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.UnsupportedCallbackException;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerExtensionsValidatorCallback;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerToken;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerTokenCallback;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallback;

/**
 * Stands for the brokers of Amazon MSK: takes the tokens of its IAM access control, and no others.
 *
 * <p>Their signature (AWS Signature Version 4, presigned) is computed anew from the one secret key that there is, the
 * tests'. Each token that is taken leaves a line in the log.
 */
public final class MskTokens implements AuthenticateCallbackHandler {
  private static final String SECRET_KEY = "the-secret-key-of-the-tests";
  private static final String REGION = "eu-central-1";

  private record Token(String value, String principalName, Long startTimeMs, long lifetimeMs)
      implements OAuthBearerToken {
    @Override
    public Set<String> scope() {
      return Set.of();
    }
  }

  @Override
  public void configure(Map<String, ?> configs, String mechanism, List<AppConfigurationEntry> jaas) {}

  @Override
  public void close() {}

  @Override
  public void handle(Callback[] callbacks) throws UnsupportedCallbackException {
    for (Callback callback : callbacks) {
      if (callback instanceof OAuthBearerValidatorCallback asked) {
        validate(asked);
      } else if (callback instanceof OAuthBearerExtensionsValidatorCallback asked) {
        asked.inputExtensions().map().keySet().forEach(asked::valid);
      } else if (!(callback instanceof OAuthBearerTokenCallback)) {
        // The broker itself logs in without a token.
        throw new UnsupportedCallbackException(callback);
      }
    }
  }

  private static void validate(OAuthBearerValidatorCallback asked) {
    try {
      asked.token(tokenOf(asked.tokenValue()));
      System.out.println("MSK token taken: " + Integer.toHexString(asked.tokenValue().hashCode()));
    } catch (GeneralSecurityException | RuntimeException refusal) {
      System.out.println("MSK token refused: " + refusal);
      asked.error("invalid_token", null, null);
    }
  }

  private static Token tokenOf(String value) throws GeneralSecurityException {
    URI url = URI.create(new String(Base64.getUrlDecoder().decode(value), StandardCharsets.UTF_8));
    TreeMap<String, String> query = new TreeMap<>();
    for (String parameter : url.getRawQuery().split("&")) {
      query.put(parameter.split("=")[0], parameter.split("=")[1]);
    }
    must(query.remove("User-Agent") != null, "it says whose it is");
    String signature = query.remove("X-Amz-Signature");
    String[] credential = decoded(query.get("X-Amz-Credential")).split("/");
    must(url.toString().startsWith("https://kafka." + REGION + ".amazonaws.com/?"), "it names the region's host");
    must(decoded(query.get("Action")).equals("kafka-cluster:Connect"), "it asks to connect");
    must(credential[2].equals(REGION) && credential[3].equals("kafka-cluster"), "its scope is the cluster's");
    must(signatureOf(url, query, credential).equals(signature), "its signature holds");
    LocalDateTime signed =
        LocalDateTime.parse(query.get("X-Amz-Date"), DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'"));
    long start = signed.toInstant(ZoneOffset.UTC).toEpochMilli();
    long end = start + 1000 * Long.parseLong(query.get("X-Amz-Expires"));
    must(end > System.currentTimeMillis(), "it has not expired");
    return new Token(value, credential[0], start, end);
  }

  private static String signatureOf(URI url, TreeMap<String, String> query, String[] credential)
      throws GeneralSecurityException {
    StringBuilder canonical = new StringBuilder();
    query.forEach((name, value) -> canonical.append(canonical.isEmpty() ? "" : "&").append(name + "=" + value));
    String request = "GET\n/\n" + canonical + "\nhost:" + url.getHost() + "\n\nhost\n" + hash("");
    String scope = String.join("/", credential[1], credential[2], credential[3], credential[4]);
    String text = "AWS4-HMAC-SHA256\n" + query.get("X-Amz-Date") + "\n" + scope + "\n" + hash(request);
    byte[] key = ("AWS4" + SECRET_KEY).getBytes(StandardCharsets.UTF_8);
    for (int part = 1; part < 5; part++) {
      key = hmac(key, credential[part]);
    }
    return HexFormat.of().formatHex(hmac(key, text));
  }

  private static byte[] hmac(byte[] key, String text) throws GeneralSecurityException {
    Mac mac = Mac.getInstance("HmacSHA256");
    mac.init(new SecretKeySpec(key, "HmacSHA256"));
    return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
  }

  private static String hash(String text) throws GeneralSecurityException {
    byte[] hash = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
    return HexFormat.of().formatHex(hash);
  }

  private static String decoded(String text) {
    return URLDecoder.decode(text, StandardCharsets.UTF_8);
  }

  private static void must(boolean holds, String what) {
    if (!holds) {
      throw new IllegalArgumentException("not so: " + what);
    }
  }
}
