import { expoImage, useImages, useUploads } from "@image-pipeline/react/native";
import { Image } from "expo-image";
import { launchImageLibraryAsync } from "expo-image-picker";
import { StatusBar } from "expo-status-bar";
import { Button, FlatList, StyleSheet, Text, useColorScheme, View } from "react-native";
import { SafeAreaProvider, SafeAreaView } from "react-native-safe-area-context";
import { addPhoto, client, uploads } from "./images.ts";
import { Row } from "./row.tsx";

/** Pictures that are ready, newest first, below the uploads that are not. */
export function App() {
  const { images, error, isLoading, loadMore, refresh } = useImages(client, { status: "ready" });
  const queue = useUploads(uploads);
  const isDark = useColorScheme() === "dark";

  return (
    <SafeAreaProvider>
      <SafeAreaView style={[styles.screen, { backgroundColor: isDark ? "#111" : "#fff" }]}>
        <StatusBar style="auto" />
        <FlatList
          data={images}
          keyExtractor={({ id }) => id}
          renderItem={({ item }) => (
            <Image {...expoImage(item)} style={[styles.picture, expoImage(item).style]} />
          )}
          contentContainerStyle={styles.list}
          refreshing={isLoading}
          onRefresh={refresh}
          onEndReached={loadMore}
          ListHeaderComponent={
            <View style={styles.list}>
              <Button title="Add photos" onPress={pick} />
              {error && <Text style={styles.failure}>{error.message}</Text>}
              {queue.map((upload) => (
                <Row key={upload.id} upload={upload} onReady={refresh} />
              ))}
            </View>
          }
        />
      </SafeAreaView>
    </SafeAreaProvider>
  );
}

async function pick(): Promise<void> {
  const { assets } = await launchImageLibraryAsync({ mediaTypes: ["images"], allowsMultipleSelection: true });
  for (const asset of assets ?? []) await addPhoto(asset);
}

const styles = StyleSheet.create({
  screen: { flex: 1 },
  list: { gap: 16, padding: 8 },
  picture: { width: "100%", borderRadius: 8 },
  failure: { color: "#dc2626" },
});
